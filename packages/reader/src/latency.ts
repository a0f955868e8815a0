import type { Pool } from '@vss-pipeline/storage'
import { readSnapshot } from './read.ts'

/** The time from the receipt of a delivery to its row, seconds; null where no delivery was received. */
export interface ReceiptToRow {
  p50Seconds: number | null
  p99Seconds: number | null
}

/** The latest are enough for the two figures, and quick to read, however large the ledger is. */
const mostRows = 500

/**
 * Reads how long the latest deliveries took to become rows, 500 at most.
 *
 * @param since leaves out what was received before
 * @throws StorageFault
 */
export async function readReceiptToRow(pool: Pool, since: Date): Promise<ReceiptToRow> {
  const { rows } = await readSnapshot(pool, (client) =>
    client.query<ReceiptToRow>(
      `SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY seconds) AS "p50Seconds",
         percentile_cont(0.99) WITHIN GROUP (ORDER BY seconds) AS "p99Seconds"
       FROM (
         SELECT extract(epoch FROM processed_at - received_at)::double precision AS seconds
         FROM vss.deliveries
         WHERE received_at >= $1 AND source = 'webhook'
         ORDER BY received_at DESC
         LIMIT ${mostRows}
       ) AS latest`,
      [since.toISOString()],
    ),
  )
  return rows[0]!
}
