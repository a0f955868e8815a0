import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { projectRoot, until } from '@vss-pipeline/local-stack'
import { expect, test } from 'vitest'
import { parse } from 'yaml'
import { startScene } from './scene.ts'

/** The queries by which KEDA scales workers, by the names of their triggers. */
const queries: Record<string, string> = Object.fromEntries(
  parse(readFileSync(join(projectRoot, 'deploy/kubernetes/overlays/autoscaled/worker-scaler.yaml'), 'utf8'), {
    version: '1.1',
  }).spec.triggers.map(({ name, metadata }: { name: string; metadata: { query: string } }) => [
    name,
    metadata.query,
  ]),
)

test('KEDA sees one number by each query: late rows, and the rate; an outage takes neither away', async () => {
  const scene = await startScene({ workers: 0 })
  const { prometheus } = scene
  scene.scrapeAll()
  async function read(name: string): Promise<number | undefined> {
    const found = await prometheus.query(queries[name]!)
    expect(found.length, `series of ${name}`).toBeLessThanOrEqual(1)
    return found[0] === undefined ? undefined : Number(found[0].value[1])
  }
  const untilValue = (what: string, name: string, isRight: (value: number) => boolean) =>
    until(
      what,
      async () => {
        const value = await read(name)
        return value !== undefined && isRight(value)
      },
      { timeoutMs: 30_000, pollMs: 250 },
    )

  expect(Object.keys(queries)).toEqual(['late', 'rate'])
  await scene.post(30)
  await untilValue('30 deliveries in 5 minutes, as a rate', 'rate', (value) => value === 30 / 300)
  await untilValue('Rows that are late', 'late', (value) => value > 2)

  await scene.redis.stop()
  await until(
    'Ingest that sees no Redis',
    async () => (await prometheus.query('vss_redis_up == 0')).length > 0,
    { timeoutMs: 30_000 },
  )
  expect(await read('late')).toBeGreaterThan(2)
  expect(await read('rate')).toBeGreaterThan(0)
  await scene.redis.start()

  await scene.startWorker()
  scene.scrapeAll()
  await untilValue('Rows that are in time', 'late', (value) => value === 0)
})
