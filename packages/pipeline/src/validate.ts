import type { Delivery } from '@vss-pipeline/delivery'
import { type NormalizedSession, validateEvent } from '@vss-pipeline/vss'
import { isRejected, type Rejected, reject } from './rejected.ts'

/** A delivery whose body is a session, as sent. */
export interface Validated {
  delivery: Delivery
  session: NormalizedSession
}

/** Reads a delivery's body as a session, or rejects it with the reasons why it cannot be one. */
export function validate(item: Delivery | Rejected): Validated | Rejected {
  if (isRejected(item)) return item
  const validation = validateEvent(item.body)
  return validation.ok
    ? { delivery: item, session: validation.session }
    : reject(item, validation.reasons, validation.sessionId)
}
