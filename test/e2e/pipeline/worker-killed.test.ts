import { until } from '@vss-pipeline/local-stack'
import { createPool } from '@vss-pipeline/storage'
import { generateEvents } from '@vss-pipeline/vss'
import { expect, onTestFinished, test } from 'vitest'
import { expectAccountedFor } from '../../accounting.ts'
import { postUntilAcknowledged } from '../../load.ts'
import { startRunningPipeline } from '../../running-pipeline.ts'

test('a worker killed in the middle of a flush loses nothing: another one has its batches within 20 s', async () => {
  const { webhookUrl, pool, databaseUrl, workers, startWorker } = await startRunningPipeline()
  const [victim] = workers
  const blocker = await blockLedgerInserts(databaseUrl)

  const events = generateEvents({ seed: 'killed', count: 2_000, dirtyShare: 0.05 })
  const load = await postUntilAcknowledged(webhookUrl, events, { connections: 32 })
  await until('A flush waiting for the ledger', () => isFlushBlocked(pool), { timeoutMs: 10_000 })
  process.kill(victim!.pid, 'SIGKILL')
  await victim!.ended
  const killedAt = Date.now()
  await blocker.release()
  await startWorker()

  await expectAccountedFor(pool, load.acknowledged, { withinMs: 30_000 })
  const recoveredAfterMs = (await lastProcessedAtMs(pool)) - killedAt
  expect(recoveredAfterMs).toBeLessThan(20_000)
})

/** Lets a flush write its sessions and legs and then wait, inside its transaction, to write the ledger. */
async function blockLedgerInserts(databaseUrl: string): Promise<{ release(): Promise<void> }> {
  const own = createPool({ databaseUrl, maxConnections: 1, applicationName: 'vss-test-blocker' })
  onTestFinished(() => own.end())
  const client = await own.connect()
  await client.query('BEGIN')
  await client.query('LOCK TABLE vss.deliveries IN SHARE MODE')
  return {
    async release() {
      await client.query('COMMIT')
      client.release()
    },
  }
}

async function isFlushBlocked(pool: ReturnType<typeof createPool>): Promise<boolean> {
  const { rows } = await pool.query(
    `SELECT FROM pg_locks WHERE NOT granted AND relation = 'vss.deliveries'::regclass`,
  )
  return rows.length > 0
}

async function lastProcessedAtMs(pool: ReturnType<typeof createPool>): Promise<number> {
  const { rows } = await pool.query<{ last: Date }>('SELECT max(processed_at) AS last FROM vss.deliveries')
  return rows[0]!.last.getTime()
}
