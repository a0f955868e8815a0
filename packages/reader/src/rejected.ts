import type { Pool } from '@vss-pipeline/storage'
import type { Reason } from '@vss-pipeline/vss'
import { readSnapshot } from './read.ts'

/** A rejected delivery without its body. Timestamps are ISO 8601 in UTC with milliseconds. */
export interface RejectedRow {
  deliveryId: string
  receivedAt: string
  sourceIp: string | null
  sessionId: string | null
  reasons: Reason[]
}

/** Rejected deliveries that share the first reason's code and path. */
export interface RejectedGroup {
  code: string
  path: string
  deliveries: number
  firstAt: string
  lastAt: string
  sampleDeliveryId: string
}

export interface RejectedReport {
  groups: RejectedGroup[]
  /** The count of each bucket of time, also where it is 0. */
  buckets: { at: string; deliveries: number }[]
  /** There are more than were read: groups and buckets are those of the latest. */
  isCut: boolean
}

/** More are not grouped, because that would read long. */
export const mostGrouped = 20_000

/**
 * Groups the deliveries that were rejected in a time, by their first reason. It reads the index of rejected deliveries,
 * never the others, and the latest 20,000 at most.
 *
 * @param options.bucketSeconds the width of the buckets; they begin at `since`
 * @throws StorageFault
 */
export async function readRejectedGroups(
  pool: Pool,
  options: { since: Date; until: Date; bucketSeconds: number },
): Promise<RejectedReport> {
  const { since, until, bucketSeconds } = options
  const values = [since.toISOString(), until.toISOString()]
  return await readSnapshot(pool, async (client) => {
    const latest = `SELECT delivery_id, received_at, reasons->0->>'code' AS code, reasons->0->>'path' AS path
      FROM vss.deliveries
      WHERE outcome = 'rejected' AND received_at >= $1 AND received_at < $2
      ORDER BY received_at DESC LIMIT ${mostGrouped}`
    const groups = await client.query<
      Omit<RejectedGroup, 'firstAt' | 'lastAt'> & { firstAt: Date; lastAt: Date }
    >(
      `SELECT code, path, count(*)::integer AS deliveries, min(received_at) AS "firstAt", max(received_at) AS "lastAt",
         (array_agg(delivery_id ORDER BY received_at DESC))[1] AS "sampleDeliveryId"
       FROM (${latest}) AS latest
       GROUP BY code, path
       ORDER BY count(*) DESC, code, path`,
      values,
    )
    const buckets = await client.query<{ at: Date; deliveries: number }>(
      `SELECT start AS at, coalesce(deliveries, 0) AS deliveries
       FROM generate_series($1::timestamptz, $2::timestamptz - interval '1 microsecond', make_interval(secs => $3)) AS start
       LEFT JOIN (
         SELECT date_bin(make_interval(secs => $3), received_at, $1::timestamptz) AS start, count(*)::integer AS deliveries
         FROM (${latest}) AS latest
         GROUP BY 1
       ) AS counted USING (start)
       ORDER BY start`,
      [...values, bucketSeconds],
    )
    const total = groups.rows.reduce((sum, { deliveries }) => sum + deliveries, 0)
    return {
      groups: groups.rows.map((row) => ({
        ...row,
        firstAt: row.firstAt.toISOString(),
        lastAt: row.lastAt.toISOString(),
      })),
      buckets: buckets.rows.map(({ at, deliveries }) => ({ at: at.toISOString(), deliveries })),
      isCut: total >= mostGrouped,
    }
  })
}

/**
 * Finds rejected deliveries, the latest first.
 *
 * @param options.code and `path` those of the first reason, where given
 * @param options.before the delivery id with which the page before ended
 * @throws StorageFault
 */
export async function findRejected(
  pool: Pool,
  options: { since: Date; until: Date; code?: string; path?: string; before?: string; limit: number },
): Promise<RejectedRow[]> {
  const { since, until, code = null, path = null, before = null, limit } = options
  const { rows } = await readSnapshot(pool, (client) =>
    client.query<Omit<RejectedRow, 'receivedAt'> & { receivedAt: Date }>(
      `SELECT delivery_id AS "deliveryId", received_at AS "receivedAt", host(source_ip) AS "sourceIp",
         session_id AS "sessionId", reasons
       FROM vss.deliveries
       WHERE outcome = 'rejected' AND received_at >= $1 AND received_at < $2
         AND ($3::text IS NULL OR reasons->0->>'code' = $3)
         AND ($4::text IS NULL OR reasons->0->>'path' = $4)
         AND ($5::uuid IS NULL OR delivery_id < $5)
       ORDER BY received_at DESC, delivery_id DESC
       LIMIT $6`,
      [since.toISOString(), until.toISOString(), code, path, before, limit],
    ),
  )
  return rows.map((row) => ({ ...row, receivedAt: row.receivedAt.toISOString() }))
}
