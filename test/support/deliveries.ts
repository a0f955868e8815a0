import type { Delivery } from '@vss-pipeline/delivery'
import { v7 as uuidv7 } from 'uuid'

/** A delivery received just now. */
export function makeDelivery(body: string | Uint8Array = '{}'): Delivery {
  const receivedAtMs = Date.now()
  return {
    deliveryId: uuidv7({ msecs: receivedAtMs }),
    receivedAtMs,
    sourceIp: null,
    body: Buffer.from(body),
  }
}
