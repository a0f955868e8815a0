import { type Delivery, receivedAtMsOf } from '@vss-pipeline/delivery'
import type { PackedBatch } from '@vss-pipeline/queue'
import { type Rejected, reject } from './rejected.ts'

/** Unpacks a batch. A damaged batch has only ids: each of them is rejected as `undecodable_batch`. */
export function decode(batch: PackedBatch): (Delivery | Rejected)[] {
  return batch.unpack() ?? batch.deliveryIds.map(rejectUndecodable)
}

/** Rejects a delivery whose body is lost, so that the ledger accounts for its id. */
export function rejectUndecodable(deliveryId: string): Rejected {
  return reject({ deliveryId, receivedAtMs: receivedAtMsOf(deliveryId), sourceIp: null, body: null }, [
    {
      code: 'undecodable_batch',
      path: '',
      message: 'the batch it travelled in could not be read back from the queue',
    },
  ])
}
