import type { Delivery } from '@vss-pipeline/delivery'
import { type NormalizedSession, validateEvent } from '@vss-pipeline/vss'
import { isRejected, type Rejected, reject } from './rejected.ts'

/** A delivery with the session that its body holds. */
export interface Validated {
  delivery: Delivery
  session: NormalizedSession
}

/**
 * Reads a delivery's body as a session. Rejects the delivery, with reasons, when the body cannot be one. Legs and their
 * fields are read by `readLegs` of packages/vss/src/legs.ts.
 */
export function validate(item: Delivery | Rejected): Validated | Rejected {
  if (isRejected(item)) return item
  const validation = validateEvent(item.body)
  return validation.ok
    ? { delivery: item, session: validation.session }
    : reject(item, validation.reasons, validation.sessionId, validation.anomalyDetails)
}
