import type { AnomalyDetail, LedgerEntry, Reason } from '@vss-pipeline/vss'

/** A delivery that a step has rejected. The later steps pass it on to the ledger unchanged. */
export type Rejected = LedgerEntry & { verdict: { kind: 'rejected' } }

/**
 * Rejects a delivery.
 *
 * @param delivery its body is null when the batch could not be decoded
 * @param sessionId the session that the event is about, when the body tells
 * @param anomalyDetails the anomalies that were found beside the reasons
 */
export function reject(
  delivery: Omit<LedgerEntry, 'verdict'>,
  reasons: Reason[],
  sessionId: string | null = null,
  anomalyDetails?: readonly AnomalyDetail[],
): Rejected {
  const verdict = { kind: 'rejected', reasons, sessionId } as const
  return { ...delivery, verdict: anomalyDetails === undefined ? verdict : { ...verdict, anomalyDetails } }
}

/** Whether a step has rejected the item. */
export function isRejected(item: object): item is Rejected {
  return 'verdict' in item
}
