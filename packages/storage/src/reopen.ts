import { receivedAtMsOf } from '@vss-pipeline/delivery'
import { timestampArray, uuidArray } from './arrays.ts'
import { toStorageFault } from './errors.ts'
import type { LedgerRow } from './ledger.ts'
import { correctTallies } from './minutes.ts'
import type { Pool } from './pool.ts'
import { inTransaction } from './transaction.ts'

/**
 * Takes back the ledger's word about deliveries whose batch could not be read, so that a worker records them anew: it
 * drops deliveries that the ledger has. Rows with a body, or with another reason, stay. Only the owner of the schema may
 * do it.
 *
 * @returns the number of rows that are gone.
 * @throws StorageFault
 */
export async function reopenUndecodable(pool: Pool, deliveryIds: readonly string[]): Promise<number> {
  try {
    return await inTransaction(pool, async (client) => {
      const { rows } = await client.query<{ received_at: Date; source: LedgerRow['source'] }>(
        `DELETE FROM vss.deliveries AS delivery
         USING unnest($1::timestamptz[], $2::uuid[]) AS key (received_at, delivery_id)
         WHERE delivery.received_at = key.received_at AND delivery.delivery_id = key.delivery_id
           AND delivery.body_sha256 IS NULL AND delivery.outcome = 'rejected'
           AND delivery.reasons @> '[{"code": "undecodable_batch"}]'
         RETURNING delivery.received_at, delivery.source`,
        [timestampArray(deliveryIds.map(receivedAtMsOf)), uuidArray(deliveryIds)],
      )
      const tallies = rows.map(({ received_at, source }) => ({
        minuteMs: Math.floor(received_at.getTime() / minuteMs) * minuteMs,
        subAccountId: '',
        outcome: 'rejected' as const,
        source,
        deliveries: -1,
      }))
      await correctTallies(client, tallies)
      return rows.length
    })
  } catch (error) {
    throw toStorageFault(error)
  }
}

const minuteMs = 60_000
