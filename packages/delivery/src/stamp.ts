import { randomInt } from 'node:crypto'
import { v7 as uuidv7 } from 'uuid'
import type { Delivery } from './delivery.ts'
import { createRandomBytes } from './random.ts'

/** A clock that was set back by more than this is followed; by less, ids keep rising on the time they had. */
const toleratedStepMs = 1_000

/**
 * Makes deliveries of bodies. Their ids carry the millisecond of receipt, and rise within a process: of two
 * deliveries of a session, the one received later decides.
 */
export function createStamp(now: () => number = Date.now) {
  const nextRandom = createRandomBytes()
  let lastMs = 0
  let random = nextRandom()
  let sequence = 0

  return function stampDelivery(body: Uint8Array, sourceIp: string | null): Delivery {
    const clockMs = now()
    if (clockMs > lastMs || clockMs < lastMs - toleratedStepMs) {
      lastMs = clockMs
      // Within a millisecond ids count up and share what tells them from those of other processes.
      random = nextRandom()
      // Room to count up within the 32 bits, from a start that nobody can guess.
      sequence = randomInt(2 ** 31)
    } else {
      sequence++
    }
    const deliveryId = uuidv7({ msecs: lastMs, seq: sequence, random })
    return { deliveryId, receivedAtMs: lastMs, sourceIp, body }
  }
}
