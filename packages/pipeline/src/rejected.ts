import type { LedgerEntry, Reason } from '@vss-pipeline/vss'

/** A delivery that a step has rejected. The later steps pass it on to the ledger unchanged. */
export type Rejected = LedgerEntry & { verdict: { kind: 'rejected' } }

/**
 * Rejects a delivery.
 *
 * @param delivery its body is null when the batch could not be decoded
 * @param sessionId the session that the event is about, when the body tells
 */
export function reject(
  delivery: Omit<LedgerEntry, 'verdict'>,
  reasons: Reason[],
  sessionId: string | null = null,
): Rejected {
  return { ...delivery, verdict: { kind: 'rejected', reasons, sessionId } }
}

/** Whether a step has rejected the item. */
export function isRejected(item: object): item is Rejected {
  return 'verdict' in item
}
