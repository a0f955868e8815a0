import type { Delivery } from '@vss-pipeline/delivery'
import type { Session } from './enrich.ts'
import type { AnomalyDetail } from './model.ts'

/** The codes of the reasons for which deliveries are rejected. */
export const reasonCodes = [
  'malformed_json',
  'not_an_object',
  'unsupported_event',
  'missing_field',
  'invalid_field',
  'undecodable_batch',
  'kills_worker',
  'refused_by_database',
] as const

export type ReasonCode = (typeof reasonCodes)[number]

export interface Reason {
  readonly code: ReasonCode
  /** The place in the event, such as `payload.sessionId`; empty for the body as a whole. */
  readonly path: string
  /** Tells what was expected. It never holds text of the sender's, because that may be a phone number. */
  readonly message: string
}

/** A delivery with the pipeline's verdict. The database decides the outcome later. */
export interface LedgerEntry extends Omit<Delivery, 'body'> {
  /** As received; null only when the batch could not be decoded. */
  body: Uint8Array | null
  verdict: Verdict
}

export type Verdict =
  | { kind: 'session'; session: Session }
  | {
      kind: 'rejected'
      reasons: Reason[]
      /** Null when the body does not tell it. */
      sessionId: string | null
      /** The unknown fields and unreadable values beside the reasons. */
      anomalyDetails?: readonly AnomalyDetail[]
    }

/** @returns the reasons of a rejected entry; of any other, none. */
export function reasonsOf({ verdict }: LedgerEntry): Reason[] {
  return verdict.kind === 'rejected' ? verdict.reasons : []
}

/** @returns the id of the session that an entry is about; null when it is unknown. */
export function sessionIdOf({ verdict }: LedgerEntry): string | null {
  return verdict.kind === 'session' ? verdict.session.sessionId : verdict.sessionId
}

/** The outcomes of deliveries, as the ledger records them. */
export const outcomeNames = ['stored', 'duplicate', 'superseded', 'rejected'] as const

export type Outcome = (typeof outcomeNames)[number]
