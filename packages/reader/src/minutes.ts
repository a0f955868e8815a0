import type { countedDays, Pool } from '@vss-pipeline/storage'
import type { Outcome } from '@vss-pipeline/vss'
import type { ClientBase } from 'pg'
import { readSnapshot } from './read.ts'

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

/** The deliveries of a bucket of time, by outcome. */
export interface OutcomeBucket extends OutcomeCounts {
  /** Its beginning, ISO 8601 in UTC. */
  readonly at: string
}

/**
 * Counts deliveries by outcome and time, for a chart: one row a bucket, also where there was none.
 *
 * @param options.since the beginning of a minute, in the last {@link countedDays} days
 * @param options.bucketSeconds a number of whole minutes
 * @throws StorageFault
 */
export async function countByTime(
  pool: Pool,
  options: { since: Date; until: Date; bucketSeconds: number },
): Promise<OutcomeBucket[]> {
  const { since, until, bucketSeconds } = options
  const { rows } = await readSnapshot(pool, (client) =>
    client.query<OutcomeCounts & { at: Date }>(
      `SELECT start AS at, ${(['stored', 'duplicate', 'superseded', 'rejected'] as const)
        .map(
          (outcome) =>
            `coalesce(sum(deliveries) FILTER (WHERE outcome = '${outcome}'), 0)::double precision AS ${outcome}`,
        )
        .join(', ')}
       FROM generate_series($1::timestamptz, $2::timestamptz - interval '1 microsecond', make_interval(secs => $3)) AS start
       LEFT JOIN (
         SELECT date_bin(make_interval(secs => $3), minute, $1::timestamptz) AS start, outcome, sum(deliveries) AS deliveries
         FROM (
           SELECT minute, outcome, deliveries FROM vss.minute_counts WHERE minute >= $1 AND minute < $2
           UNION ALL
           SELECT minute, outcome, deliveries FROM vss.minute_tallies WHERE minute >= $1 AND minute < $2
         ) AS counted
         GROUP BY 1, 2
       ) AS counted USING (start)
       GROUP BY start
       ORDER BY start`,
      [since.toISOString(), until.toISOString(), bucketSeconds],
    ),
  )
  return rows.map((row) => ({ ...row, at: row.at.toISOString() }))
}
