import { join } from 'node:path'
import { createTemporaryFolder, startPostgres, until } from '@vss-pipeline/local-stack'
import { migrate } from '@vss-pipeline/storage'
import { generateEvents } from '@vss-pipeline/vss'
import { expect, onTestFinished, test } from 'vitest'
import { expectAccountedFor } from '../../accounting.ts'
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
  const { webhookUrl, pool, workers } = await startRunningPipeline({ databaseUrl: postgres.url })

  await postgres.kill()
  const events = generateEvents({ seed: 'outage', count: 1_000, dirtyShare: 0.05 })
  const { acknowledged, answers } = await postUntilAcknowledged(webhookUrl, events, { connections: 16 })
  expect(Object.fromEntries(answers)).toEqual({ 200: 1_000 })
  await until('A worker that says it is not ready', async () => !(await isReady(workers[0]!.opsUrl)), {
    timeoutMs: 5_000,
  })

  await postgres.start()
  await expectAccountedFor(pool, acknowledged, { withinMs: 10_000 })
  expect(await isReady(workers[0]!.opsUrl)).toBe(true)
})

async function isReady(opsUrl: string): Promise<boolean> {
  return (await fetch(`${opsUrl}/readyz`)).ok
}
