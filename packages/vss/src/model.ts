/** Sessions and call legs as types: as sent, and as stored. The fields are named like the columns of schema `vss`. */

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
}

export interface CallLeg extends NormalizedLeg {
  /** Seconds from initiated to connected; null when never connected, or at a time that cannot be true. */
  ringSeconds: number | null
  /** libphonenumber's type of the number (`MOBILE`, `FIXED_LINE`, ...); null when the number is not valid. */
  sourceType: string | null
  destinationType: string | null
  mosBand: QualityBand | null
}

/** One row of `vss.sessions` with its rows of `vss.call_legs`. Enrichment makes it, the writer takes it. */
export interface Session extends Omit<NormalizedSession, 'startedAtMs' | 'endedAtMs' | 'legs' | 'anomalies'> {
  /** As sent, else a time of the legs, else the other time of the session. */
  startedAtMs: number
  endedAtMs: number
  durationSeconds: number | null
  errorMeaning: string | null
  caller: string | null
  virtualNumber: string | null
  callee: string | null
  answered: boolean
  ringSeconds: number | null
  talkSeconds: number | null
  mosMin: number | null
  mosBand: QualityBand | null
  packetLossMax: number | null
  jitterMsMax: number | null
  legs: CallLeg[]
  /** Sorted, distinct. */
  anomalies: Anomaly[]
}
