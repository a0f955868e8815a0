import type { Delivery } from '@vss-pipeline/delivery'
import { v7 as uuidv7 } from 'uuid'

/** A delivery received just now, or so many seconds ago. */
export function makeDelivery(body: string | Uint8Array = '{}', agoSeconds = 0): Delivery {
  const receivedAtMs = Date.now() - agoSeconds * 1000
  return {
    deliveryId: uuidv7({ msecs: receivedAtMs }),
    receivedAtMs,
    sourceIp: null,
    body: Buffer.from(body),
  }
}
