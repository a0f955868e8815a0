/**
 * A session and its legs as sent, and the flags that say what is odd about them. The members are called as the columns
 * of schema `vss`; enrich.ts adds those that follow from them.
 */

/** A stored event's data-quality flag. */
export const ANOMALIES = [
  'unknown_status',
  'unknown_action',
  'unknown_direction',
  'unknown_type',
  'unknown_field',
  'status_mismatch',
  'call_count_mismatch',
  'ends_before_start',
  'duration_mismatch',
  'connected_before_initiated',
  'error_mismatch',
  'invalid_value',
  'number_not_e164',
  'number_country_mismatch',
  'quality_out_of_range',
] as const

export type Anomaly = (typeof ANOMALIES)[number]

export type QualityBand = 'excellent' | 'good' | 'fair' | 'poor' | 'bad'

/** One leg as sent, in canonical spelling. Times are milliseconds since the Unix epoch. */
export interface NormalizedLeg {
  /** `A`, `B`, ...: the letter of the member `callA`, `callB`, ... */
  leg: string
  callId: string | null
  direction: string | null
  callType: string | null
  status: string | null
  initiatedAtMs: number | null
  connectedAtMs: number | null
  disconnectedAtMs: number | null
  /** Seconds connected, as sent. */
  durationSeconds: number | null
  source: string | null
  destination: string | null
  sourceFormat: string | null
  destinationFormat: string | null
  /** ISO 3166-1 alpha-2, as sent; the number's own where none was sent. */
  sourceCountry: string | null
  destinationCountry: string | null
  sourceRefId: string | null
  destinationRefId: string | null
  mos: number | null
  /** A fraction: 0.01 is 1 %. */
  packetLossRate: number | null
  jitterMs: number | null
  errorCode: number | null
  errorMessage: string | null
}

/** One session as sent, in canonical spelling: what validation hands to enrichment. */
export interface NormalizedSession {
  /** UUID, lower case. */
  sessionId: string
  subAccountId: string
  status: string
  startedAtMs: number
  endedAtMs: number
  lastAction: string | null
  callCount: number | null
  clientRequestId: string | null
  schemaVersion: number | null
  errorCode: number | null
  errorMessage: string | null
  /** In the order of their letters. */
  legs: NormalizedLeg[]
  /** What reading the event already showed; enrichment adds its own. */
  anomalies: Set<Anomaly>
}
