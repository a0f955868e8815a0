import { join } from 'node:path'
import { createTemporaryFolder, startPostgres, until } from '@vss-pipeline/local-stack'
import { migrate } from '@vss-pipeline/storage'
import { generateEvents } from '@vss-pipeline/vss'
import { expect, onTestFinished, test } from 'vitest'
import { countLedger, expectAccountedFor } from '../../accounting.ts'
import { startFaultyServer } from '../../faulty-server.ts'
import { postUntilAcknowledged } from '../../load.ts'
import { startRunningPipeline } from '../../running-pipeline.ts'

test('Postgres may leave and come back: deliveries are acknowledged meanwhile, and none becomes a reject', async () => {
  const folder = await createTemporaryFolder()
  onTestFinished(() => folder.remove())
  const postgres = await startFaultyServer(() =>
    startPostgres({ dataDir: join(folder.path, 'postgres'), port: 0 }),
  )
  onTestFinished(() => postgres.stop())
  await migrate({ databaseUrl: postgres.url })
  const { webhookUrl, pool, workers, log } = await startRunningPipeline({ databaseUrl: postgres.url })

  await postgres.kill()
  const events = generateEvents({ seed: 'outage', count: 1_000, dirtyShare: 0.05 })
  const { acknowledged, answers } = await postUntilAcknowledged(webhookUrl, events, { connections: 16 })
  expect(Object.fromEntries(answers)).toEqual({ 200: 1_000 })
  await until('A worker that says it is not ready', async () => !(await isReady(workers[0]!.opsUrl)), {
    timeoutMs: 5_000,
  })

  await postgres.start()
  const backAt = performance.now()
  await until('The first row', async () => (await countLedger(pool)) > 0, { timeoutMs: 10_000, pollMs: 20 })
  // It is asked at least every 800 ms.
  expect(performance.now() - backAt).toBeLessThan(1_500)
  await expectAccountedFor(pool, acknowledged, { withinMs: 10_000 })
  expect(await isReady(workers[0]!.opsUrl)).toBe(true)
  // Once for each flush in hand, however often it was tried.
  const warnings = log.filter((line) => line.includes('"level":"warn"'))
  expect(warnings.filter((line) => line.includes('the database is away')).length).toBeGreaterThan(0)
  expect(warnings.length).toBeLessThan(10)
})

async function isReady(opsUrl: string): Promise<boolean> {
  return (await fetch(`${opsUrl}/readyz`)).ok
}
