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

/** A rejected delivery has no sub-account that could be relied on. */
export const selectFirstDeliveryStatement = `SELECT
${selected(columns)}
FROM vss.deliveries AS delivery
WHERE received_at >= $1::timestamptz - interval '1 minute' AND processed_at >= $1 AND source = 'webhook'
  AND (outcome = 'rejected' OR EXISTS (
    SELECT FROM vss.sessions AS session
    WHERE session.session_id = delivery.session_id AND session.sub_account_id = $2
  ))
ORDER BY received_at, delivery_id
LIMIT 1`

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

/**
 * Reads the first delivery by webhook since a time that is about a session of this sub-account, or was rejected, whoever
 * sent it; null when there is none yet.
 *
 * @param options.since by the clock of the database, as {@link readDatabaseTime} gives it: the clock of an ingest may be
 *   a minute behind
 */
export async function readFirstDelivery(
  pool: Pool,
  options: { subAccountId: string; since: string },
): Promise<DeliveryRow | null> {
  const { subAccountId, since } = options
  const [delivery] = await readSnapshot(pool, (client) =>
    selectRows<DeliveryRow>(client, columns, selectFirstDeliveryStatement, [since, subAccountId]),
  )
  return delivery ?? null
}

/** Reads the clock of the database, to the microsecond. */
export async function readDatabaseTime(pool: Pool): Promise<string> {
  return await readSnapshot(pool, async (client) => {
    const { rows } = await client.query<{ now: string }>('SELECT clock_timestamp()::text AS now')
    return rows[0]!.now
  })
}
