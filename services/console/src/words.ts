import type { Anomaly, Outcome, ReasonCode } from '@vss-pipeline/vss'

/** Each anomaly in a sentence, for people who do not know the codes. */
export const anomalyWords: Record<Anomaly, string> = {
  unknown_status: 'A status that 8x8 does not document.',
  unknown_action: 'A last action that 8x8 does not document.',
  unknown_direction: 'A direction that 8x8 does not document.',
  unknown_type: 'A call type that 8x8 does not document.',
  unknown_field: 'A field that 8x8 does not document. It is kept in the body only.',
  status_mismatch: 'The statuses of the legs imply another status of the session.',
  call_count_mismatch: 'The count of calls is not the number of legs.',
  ends_before_start: 'It ends before it starts.',
  duration_mismatch: 'The duration is not the time between connect and disconnect.',
  connected_before_initiated: 'It was connected before it was initiated.',
  error_mismatch: 'The error message belongs to another error code.',
  invalid_value: 'A value could not be read, and is left out or replaced.',
  number_not_e164: 'A number is not in international form: a word, a SIP address, or digits without +.',
  number_country_mismatch: "A number's calling code is not that of the country sent with it.",
  number_not_valid: 'No numbering plan has this number. Often the caller withheld theirs.',
  quality_out_of_range: 'A quality value is outside its scale.',
  no_legs: 'The session has no call leg.',
  implausible_time: 'It starts more than a day after it was received, or lasts for more than a day.',
}

export const reasonWords: Record<ReasonCode, string> = {
  malformed_json: 'The body is not JSON.',
  not_an_object: 'The body is JSON, but no object.',
  unsupported_event: 'It is another kind of event than a voice session summary.',
  missing_field: 'A field is missing without which there is no row.',
  invalid_field: 'A field without which there is no row cannot be read.',
  undecodable_batch: 'The batch in which it came could not be read back from Redis.',
  kills_worker: 'A worker ended three times while it had this delivery alone.',
  refused_by_database: 'Postgres refused a value.',
}

export const outcomeWords: Record<Outcome, string> = {
  stored: 'It made the session, or changed it.',
  duplicate: 'The session had this content already.',
  superseded: 'A newer delivery decides.',
  rejected: 'It could not become a row.',
}

export type Tone = 'ok' | 'warn' | 'bad' | 'muted'

/** How a status of a session or a leg is coloured. */
export function toneOfStatus(status: string | null): Tone {
  if (status === 'COMPLETED') return 'ok'
  if (status === 'NO_ANSWER' || status === 'BUSY' || status === 'CANCELED') return 'warn'
  return status === 'FAILED' || status === 'ERROR' ? 'bad' : 'muted'
}

export const toneOfOutcome: Record<Outcome, Tone> = {
  stored: 'ok',
  duplicate: 'muted',
  superseded: 'muted',
  rejected: 'bad',
}

export function toneOfBand(band: string | null): Tone {
  if (band === 'excellent' || band === 'good') return 'ok'
  if (band === 'fair') return 'warn'
  return band === null ? 'muted' : 'bad'
}
