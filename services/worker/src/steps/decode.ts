import { decodeBatch } from '@vss-pipeline/queue'
import { type Delivery, receivedAtMsOf } from '@vss-pipeline/vss'
import { type Rejected, reject } from '../rejected.ts'

/** Unpacks a job's payload; of a damaged one the ids remain, each rejected as `undecodable_batch`. */
export function createDecode() {
  return function decode(payload: unknown): (Delivery | Rejected)[] {
    const decoded = decodeBatch(payload)
    return 'undecodable' in decoded ? decoded.ids.map(rejectUndecodable) : decoded
  }
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
