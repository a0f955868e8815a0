/** Sessions and call legs as types, as sent. The fields are named like the columns of schema `vss`; enrich.ts adds others. */

/** The data-quality flags of stored events. */
export const anomalyCodes = [
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
  'number_not_valid',
  'quality_out_of_range',
  'no_legs',
  'implausible_time',
] as const

export type Anomaly = (typeof anomalyCodes)[number]

/** An anomaly with its place in the event, such as `payload.details.callA.source`. It holds no value of the sender's. */
export interface AnomalyDetail {
  readonly code: Anomaly
  readonly path: string
}

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
  /** ISO 3166-1 alpha-2, as sent; the number's own country when none was sent. */
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

/** One session as sent, in canonical spelling. Validation makes it, enrichment takes it. */
export interface NormalizedSession {
  /** UUID, lower case. */
  sessionId: string
  subAccountId: string
  status: string
  /** Null when it was not sent or cannot be read; then a leg has a time, or the session the other one. */
  startedAtMs: number | null
  endedAtMs: number | null
  lastAction: string | null
  callCount: number | null
  clientRequestId: string | null
  schemaVersion: number | null
  errorCode: number | null
  errorMessage: string | null
  /** In the order of their letters. */
  legs: NormalizedLeg[]
  /** The anomalies that validation found; enrichment finds more. */
  anomalies: Set<Anomaly>
  /** Their places, up to 50 and one for each code. */
  anomalyDetails: AnomalyDetail[]
}
