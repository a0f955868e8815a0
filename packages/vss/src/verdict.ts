import type { Delivery } from '@vss-pipeline/delivery'
import type { Session } from './enrich.ts'

/** Why a delivery was rejected. */
export const REASON_CODES = [
  'malformed_json',
  'not_an_object',
  'unsupported_event',
  'missing_field',
  'invalid_field',
  'undecodable_batch',
  'kills_worker',
  'refused_by_database',
] as const

export type ReasonCode = (typeof REASON_CODES)[number]

export interface Reason {
  readonly code: ReasonCode
  /** Where in the event, e.g. `payload.sessionId`; empty for the body as a whole. */
  readonly path: string
  /** What was expected. Never holds text chosen by the sender: it may be a phone number. */
  readonly message: string
}

/** A delivery and what the pipeline made of it, before the database has its say. */
export interface LedgerEntry extends Omit<Delivery, 'body'> {
  /** As received; null only where the batch could not be decoded. */
  body: Uint8Array | null
  verdict: Verdict
}

export type Verdict =
  | { kind: 'session'; session: Session }
  /** `sessionId` where it could be read all the same. */
  | { kind: 'rejected'; reasons: Reason[]; sessionId: string | null }

/** Why an entry is rejected; empty unless it is. */
export function reasonsOf({ verdict }: LedgerEntry): Reason[] {
  return verdict.kind === 'rejected' ? verdict.reasons : []
}

/** The session an entry is about, where that is known. */
export function sessionIdOf({ verdict }: LedgerEntry): string | null {
  return verdict.kind === 'session' ? verdict.session.sessionId : verdict.sessionId
}

/** What became of a delivery: the ledger's one word for it. */
export const OUTCOMES = ['stored', 'duplicate', 'superseded', 'rejected'] as const

export type Outcome = (typeof OUTCOMES)[number]
