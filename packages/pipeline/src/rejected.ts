import type { LedgerEntry, Reason } from '@vss-pipeline/vss'

/** A delivery that a step turned down; the later steps pass it on to the ledger as it is. */
export type Rejected = LedgerEntry & { verdict: { kind: 'rejected' } }

/** @param body null when it could not be read back from the queue. */
export function reject(
  delivery: Omit<LedgerEntry, 'verdict'>,
  reasons: Reason[],
  sessionId: string | null = null,
): Rejected {
  return { ...delivery, verdict: { kind: 'rejected', reasons, sessionId } }
}

export function isRejected(item: object): item is Rejected {
  return 'verdict' in item
}
