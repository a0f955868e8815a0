import type { Delivery } from '@vss-pipeline/vss'
import { receivedAtMsOf } from '@vss-pipeline/vss/delivery'
import { v7 as uuidv7 } from 'uuid'

/** Makes a delivery of a body: its id carries the millisecond of receipt, and ids of one process only rise. */
export function stampDelivery(body: Uint8Array, sourceIp: string | null): Delivery {
  const deliveryId = uuidv7()
  return { deliveryId, receivedAtMs: receivedAtMsOf(deliveryId), sourceIp, body }
}
