import { isDeliveryId, isUuid, receivedAtMsOf } from '@vss-pipeline/delivery'
import { type DeliveryColumns, deliveryColumns, type Pool, selected } from '@vss-pipeline/storage'
import type { ClientBase } from 'pg'
import { readSnapshot, selectRows } from './read.ts'

/** A row of `vss.deliveries` without its body. Timestamps are ISO 8601 in UTC with milliseconds. */
export type DeliveryRow = Omit<DeliveryColumns, 'body'>

// Not every role may read bodies.
const { body: _, ...columns } = deliveryColumns

export const selectDeliveriesStatement = `SELECT
${selected(columns)}
FROM vss.deliveries
WHERE session_id = $1
ORDER BY received_at, delivery_id`

// Without received_at, which the id tells, every month would be searched.
export const selectDeliveryStatement = `SELECT
${selected(columns)}
FROM vss.deliveries
WHERE received_at = to_timestamp($1::double precision / 1000) AND delivery_id = $2`

/**
 * Reads every delivery that was about this session, oldest first. There may be some where there is no such session,
 * because all of them were rejected.
 */
export async function readDeliveriesOf(pool: Pool, sessionId: string): Promise<DeliveryRow[]> {
  if (!isUuid(sessionId)) return []
  return await readSnapshot(pool, (client) => selectDeliveriesOf(client, sessionId))
}

/** Does what {@link readDeliveriesOf} does, in the caller's transaction. */
export async function selectDeliveriesOf(client: ClientBase, sessionId: string): Promise<DeliveryRow[]> {
  return await selectRows(client, columns, selectDeliveriesStatement, [sessionId])
}

/** Reads one delivery's ledger row, without its body; null when the ledger has no such delivery. */
export async function readDelivery(pool: Pool, deliveryId: string): Promise<DeliveryRow | null> {
  if (!isDeliveryId(deliveryId)) return null
  const [delivery] = await readSnapshot(pool, (client) =>
    selectRows<DeliveryRow>(client, columns, selectDeliveryStatement, [
      receivedAtMsOf(deliveryId),
      deliveryId,
    ]),
  )
  return delivery ?? null
}
