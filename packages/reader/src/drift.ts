import type { Pool } from '@vss-pipeline/storage'
import { readSnapshot } from './read.ts'

/** A row of `vss.drift`. Timestamps are ISO 8601 in UTC with milliseconds. */
export interface DriftRow {
  kind: string
  path: string
  value: string
  firstSeen: string
  lastSeen: string
  deliveries: number
  sampleDeliveryId: string
}

/**
 * Reads how events differ from the documentation: the latest first, and the row `other` at the end.
 *
 * @param options.since leaves out what was not seen then or later
 * @throws StorageFault
 */
export async function readDrift(pool: Pool, options: { since?: Date } = {}): Promise<DriftRow[]> {
  const { rows } = await readSnapshot(pool, (client) =>
    client.query<Omit<DriftRow, 'firstSeen' | 'lastSeen'> & { firstSeen: Date; lastSeen: Date }>(
      `SELECT kind, path, value, first_seen AS "firstSeen", last_seen AS "lastSeen",
         deliveries::double precision AS deliveries, sample_delivery_id AS "sampleDeliveryId"
       FROM vss.drift
       WHERE last_seen >= coalesce($1::timestamptz, '-infinity')
       ORDER BY kind = 'other', last_seen DESC, kind, path, value`,
      [options.since?.toISOString() ?? null],
    ),
  )
  return rows.map((row) => ({
    ...row,
    firstSeen: row.firstSeen.toISOString(),
    lastSeen: row.lastSeen.toISOString(),
  }))
}
