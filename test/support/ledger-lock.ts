import { createPool, type Pool } from '@vss-pipeline/storage'
import { onTestFinished } from 'vitest'

/** Makes every flush wait inside its transaction: it writes its sessions and legs, then waits for a lock on the ledger. */
export async function lockLedger(databaseUrl: string): Promise<{ release(): Promise<void> }> {
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

/** Whether a flush of a worker waits for a lock on the ledger. Retention may wait for one as well. */
export async function isFlushBlocked(pool: Pool): Promise<boolean> {
  const { rowCount } = await pool.query(
    `SELECT FROM pg_locks JOIN pg_stat_activity USING (pid)
     WHERE NOT granted AND relation = 'vss.deliveries'::regclass
       AND application_name = 'vss-worker' AND query NOT LIKE '%vss.drop_expired_partitions%'`,
  )
  return rowCount !== 0
}
