import { isDeliveryId, receivedAtMsOf } from '@vss-pipeline/delivery'
import { bodyOfDelivery, type Pool } from '@vss-pipeline/storage'
import { readSnapshot } from '../read.ts'

/**
 * Reads the bodies of deliveries as they were received. A role needs the privilege to read bodies: `vss_support` has it.
 *
 * @returns the bodies by delivery id. An id that the ledger does not have is absent; a delivery without a body has null.
 * @throws StorageFault
 */
export async function readBodies(
  pool: Pool,
  deliveryIds: readonly string[],
): Promise<Map<string, Uint8Array | null>> {
  const ids = deliveryIds.filter(isDeliveryId)
  if (ids.length === 0) return new Map()
  const times = ids.map(receivedAtMsOf)
  const time = (parameter: string) => `to_timestamp(${parameter}::double precision / 1000)`
  const bounds = { from: time('$3'), to: time('$4') }
  // Without received_at, which the id tells, every month would be searched.
  const { rows } = await readSnapshot(pool, (client) =>
    client.query<{ delivery_id: string; body: Buffer | null }>(
      `SELECT delivery_id, body
       FROM unnest($1::uuid[], $2::double precision[]) AS wanted (id, ms)
       CROSS JOIN LATERAL (
         SELECT delivery_id, ${bodyOfDelivery(bounds)} AS body FROM vss.deliveries AS delivery
         WHERE received_at = to_timestamp(wanted.ms / 1000) AND delivery_id = wanted.id
           AND received_at BETWEEN ${bounds.from} AND ${bounds.to}
       ) AS delivery`,
      [ids, times, Math.min(...times), Math.max(...times)],
    ),
  )
  return new Map(rows.map(({ delivery_id, body }) => [delivery_id, body]))
}

/** Whether the role of the connection may read bodies, as `vss_support` may and `vss_reader` may not. @throws StorageFault */
export async function mayReadBodies(pool: Pool): Promise<boolean> {
  return await readSnapshot(pool, async (client) => {
    const { rows } = await client.query<{ may: boolean }>(
      `SELECT has_table_privilege('vss.bodies', 'SELECT') AND has_column_privilege('vss.deliveries', 'body', 'SELECT') AS may`,
    )
    return rows[0]!.may
  })
}
