import { type Delivery, receivedAtMsOf } from '@vss-pipeline/delivery'
import type { PackedBatch } from '@vss-pipeline/queue'
import { type Rejected, reject } from './rejected.ts'

/** Unpacks a batch; of a damaged one the ids remain, each rejected as `undecodable_batch`. */
export function decode(batch: PackedBatch): (Delivery | Rejected)[] {
  return batch.unpack() ?? batch.deliveryIds.map(rejectUndecodable)
}

/** Accounts for a delivery of which nothing but the id is left. */
export function rejectUndecodable(deliveryId: string): Rejected {
  return reject({ deliveryId, receivedAtMs: receivedAtMsOf(deliveryId), sourceIp: null, body: null }, [
    {
      code: 'undecodable_batch',
      path: '',
      message: 'the batch it travelled in could not be read back from the queue',
    },
  ])
}
