import type { Pool } from '@vss-pipeline/storage'
import { readSnapshot } from './read.ts'

/** The groups that a page of traffic shows; `vss.traffic` knows others too. */
export type TrafficGroup = 'sub_account' | 'country_pair'

/** A row of `vss.traffic`. Shares are fractions; a figure without a value is null. */
export interface TrafficRow {
  bucketStart: string
  bucketEnd: string
  /** The sub-account or the country pair; null where rows are not grouped. */
  group: string | null
  attempts: number
  answered: number
  asr: number | null
  minutes: number
  acdSeconds: number | null
  measured: number
  mosAvg: number | null
  mosP10: number | null
  shareExcellent: number | null
  shareGood: number | null
  shareFair: number | null
  sharePoor: number | null
  shareBad: number | null
  packetLossP95: number | null
  jitterMsP95: number | null
}

/**
 * Reads figures of sessions by time, and by group where one is named.
 *
 * @param options.bucket an interval of Postgres, such as `1 hour`
 * @throws StorageFault
 */
export async function readTraffic(
  pool: Pool,
  options: { since: Date; until: Date; bucket: string; subAccount?: string; groupBy?: TrafficGroup },
): Promise<TrafficRow[]> {
  const { since, until, bucket, subAccount = null, groupBy } = options
  const { rows } = await readSnapshot(pool, (client) =>
    client.query<Omit<TrafficRow, 'bucketStart' | 'bucketEnd'> & { bucketStart: Date; bucketEnd: Date }>(
      `SELECT bucket_start AS "bucketStart", bucket_end AS "bucketEnd",
         coalesce(sub_account_id, country_pair) AS "group",
         attempts::double precision AS attempts, answered::double precision AS answered, asr, minutes,
         acd_seconds AS "acdSeconds", measured::double precision AS measured, mos_avg AS "mosAvg", mos_p10 AS "mosP10",
         share_excellent AS "shareExcellent", share_good AS "shareGood", share_fair AS "shareFair",
         share_poor AS "sharePoor", share_bad AS "shareBad", packet_loss_p95 AS "packetLossP95",
         jitter_ms_p95 AS "jitterMsP95"
       FROM vss.traffic($1, $2, bucket => $3::interval, sub_account => $4, group_by => $5::text[])
       ORDER BY bucket_start, coalesce(sub_account_id, country_pair) COLLATE "C"`,
      [since.toISOString(), until.toISOString(), bucket, subAccount, groupBy === undefined ? [] : [groupBy]],
    ),
  )
  return rows.map((row) => ({
    ...row,
    bucketStart: row.bucketStart.toISOString(),
    bucketEnd: row.bucketEnd.toISOString(),
  }))
}
