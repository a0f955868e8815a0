import { randomInt } from 'node:crypto'
import { v7 as uuidv7 } from 'uuid'
import type { Delivery } from './delivery.ts'
import { createRandomBytes } from './random.ts'

/**
 * Ids follow a clock that is set back by more than this. When it is set back by less, ids keep the time they had and
 * rise on.
 */
const toleratedStepMs = 1_000

/**
 * Makes the function that turns bodies into deliveries. Their ids carry the millisecond of receipt, and they rise
 * within a process, because the delivery of a session that was received last decides.
 *
 * @param options.now milliseconds since the Unix epoch.
 * @param options.notBefore no delivery is stamped earlier than this, whatever the clock says.
 */
export function createStamp(options: { now?: () => number; notBefore?: () => number } = {}) {
  const { now = Date.now, notBefore = () => 0 } = options
  const nextRandom = createRandomBytes()
  let lastMs = 0
  let random = nextRandom()
  let sequence = 0

  return function stampDelivery(body: Uint8Array, sourceIp: string | null): Delivery {
    const clockMs = Math.max(now(), notBefore())
    if (clockMs > lastMs || clockMs < lastMs - toleratedStepMs) {
      lastMs = clockMs
      // The ids of one millisecond share these bytes, which no other process has, and differ by the sequence.
      random = nextRandom()
      // A random start cannot be guessed, and the lower half of 32 bits leaves room to count up.
      sequence = randomInt(2 ** 31)
    } else {
      sequence++
    }
    const deliveryId = uuidv7({ msecs: lastMs, seq: sequence, random })
    return { deliveryId, receivedAtMs: lastMs, sourceIp, body }
  }
}
