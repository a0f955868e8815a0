import type { Outcome } from '@vss-pipeline/vss'
import type { ClientBase } from 'pg'

/** `vss.minutes` keeps its counts for so many days. */
export const countedDays = 35

/** The number of deliveries by outcome. */
export type OutcomeCounts = Record<Outcome, number>

/**
 * Counts the deliveries of each outcome that were received in that minute or later, however large the ledger is. It
 * reads the tables of `vss.minutes`: to sum up the view, which has a row for each key, takes five times as long.
 *
 * @param since the beginning of a minute, in the last {@link countedDays} days
 * @throws the error of pg
 */
export async function countByOutcome(client: Pick<ClientBase, 'query'>, since: Date): Promise<OutcomeCounts> {
  const { rows } = await client.query<{ outcome: Outcome; deliveries: number }>(
    `SELECT outcome, sum(deliveries)::double precision AS deliveries
     FROM (
       SELECT outcome, deliveries FROM vss.minute_counts WHERE minute >= $1
       UNION ALL
       SELECT outcome, deliveries FROM vss.minute_tallies WHERE minute >= $1
     ) AS counted
     GROUP BY outcome`,
    [since.toISOString()],
  )
  const counts: OutcomeCounts = { stored: 0, duplicate: 0, superseded: 0, rejected: 0 }
  for (const { outcome, deliveries } of rows) counts[outcome] = deliveries
  return counts
}
