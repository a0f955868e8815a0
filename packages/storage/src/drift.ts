import { toStorageFault } from './errors.ts'
import type { Pool } from './pool.ts'
import { inTransaction } from './transaction.ts'

/** Deliveries that differ from the documentation in the same way. */
export interface Drift {
  /** The anomaly's code, or `other` for what is not told apart. */
  kind: string
  /** The place in the event; up to 255 characters, without phone numbers. */
  path: string
  /** The unknown word, up to 64 characters and without phone numbers; empty where the path tells all. */
  value: string
  firstSeenMs: number
  lastSeenMs: number
  deliveries: number
  sampleDeliveryId: string
}

/**
 * Adds observations to `vss.drift`, each of another kind, path and value.
 *
 * @throws StorageFault
 */
export async function noteDrift(pool: Pool, observed: readonly Drift[]): Promise<void> {
  const rows = observed.map((one) => ({
    kind: one.kind,
    path: one.path,
    value: one.value,
    first_seen: new Date(one.firstSeenMs).toISOString(),
    last_seen: new Date(one.lastSeenMs).toISOString(),
    deliveries: one.deliveries,
    sample_delivery_id: one.sampleDeliveryId,
  }))
  try {
    await inTransaction(pool, (client) => client.query('SELECT vss.note_drift($1)', [JSON.stringify(rows)]))
  } catch (error) {
    throw toStorageFault(error)
  }
}
