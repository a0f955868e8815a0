import type { Pool } from '@vss-pipeline/storage'
import type { Outcome } from '@vss-pipeline/vss'
import { readSnapshot } from './read.ts'

/** `vss.minutes` keeps its counts for so many days. */
export const countedDays = 35

/**
 * Counts the deliveries of each outcome that were received in that minute or later, however large the ledger is. It
 * reads the tables of `vss.minutes`: to sum up the view, which has a row for each key, takes five times as long.
 *
 * @param since the beginning of a minute, in the last {@link countedDays} days
 * @throws StorageFault
 */
export async function countByOutcome(pool: Pool, since: Date): Promise<Record<Outcome, number>> {
  const { rows } = await readSnapshot(pool, (client) =>
    client.query<{ outcome: Outcome; deliveries: number }>(
      `SELECT outcome, sum(deliveries)::double precision AS deliveries
       FROM (
         SELECT outcome, deliveries FROM vss.minute_counts WHERE minute >= $1
         UNION ALL
         SELECT outcome, deliveries FROM vss.minute_tallies WHERE minute >= $1
       ) AS counted
       GROUP BY outcome`,
      [since.toISOString()],
    ),
  )
  const counts: Record<Outcome, number> = { stored: 0, duplicate: 0, superseded: 0, rejected: 0 }
  for (const { outcome, deliveries } of rows) counts[outcome] = deliveries
  return counts
}
