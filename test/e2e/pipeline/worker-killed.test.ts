import { generateEvents } from '@vss-pipeline/generator'
import { until } from '@vss-pipeline/local-stack'
import type { Pool } from '@vss-pipeline/storage'
import { expect, test } from 'vitest'
import { expectAccountedFor } from '../../support/accounting.ts'
import { killProcess } from '../../support/faulty-server.ts'
import { isFlushBlocked, lockLedger } from '../../support/ledger-lock.ts'
import { postUntilAcknowledged } from '../../support/load.ts'
import { startRunningPipeline } from '../../support/running-pipeline.ts'

test('a worker is killed in the middle of a flush: nothing is lost, and another one stores its batches within 20 s', async () => {
  const { webhookUrl, pool, databaseUrl, workers, startWorker } = await startRunningPipeline()
  const [victim] = workers
  const blocker = await lockLedger(databaseUrl)

  const events = generateEvents({ seed: 'killed', count: 2_000, dirtyShare: 0.05 })
  const load = await postUntilAcknowledged(webhookUrl, events, { connections: 32 })
  await until('A flush waiting for the ledger', () => isFlushBlocked(pool), { timeoutMs: 10_000 })
  await killProcess(victim!)
  const killedAt = Date.now()
  await blocker.release()
  await startWorker()

  await expectAccountedFor(pool, load.acknowledged, { withinMs: 30_000 })
  const recoveredAfterMs = (await lastProcessedAtMs(pool)) - killedAt
  expect(recoveredAfterMs).toBeLessThan(20_000)
})

async function lastProcessedAtMs(pool: Pool): Promise<number> {
  const { rows } = await pool.query<{ last: Date }>('SELECT max(processed_at) AS last FROM vss.deliveries')
  return rows[0]!.last.getTime()
}
