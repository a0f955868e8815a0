import { roundingSeconds } from './connection.ts'
import type { NormalizedLeg, NormalizedSession } from './model.ts'
import { callingCodesOf, isFormerKosovoNumber, numberFacts } from './numbers.ts'
import { FoundAnomalies } from './places.ts'
import { qualityIsPossible } from './quality.ts'
import { documentedErrorCode, impliedSessionStatus, optOutStatuses } from './reference.ts'
import type { SessionTimes } from './session-times.ts'
import { secondsBetween } from './time.ts'

const secondsPerDay = 24 * 60 * 60

function runsBackwards(fromMs: number | null, toMs: number | null): boolean {
  const seconds = secondsBetween(fromMs, toMs)
  return seconds !== null && seconds < 0
}

/** Judges only sessions whose legs are A, or A and B: the vendor's table has no others. */
function statusContradictsLegs({ status, legs }: NormalizedSession): boolean {
  const [legA, legB, ...more] = legs
  if (legA?.leg !== 'A' || legA.status === null || more.length > 0) return false
  if (legB !== undefined && (legB.leg !== 'B' || legB.status === null)) return false
  const implied = impliedSessionStatus(legA.status, legB?.status ?? null)
  return implied !== undefined && implied !== status && !optOutStatuses.has(status)
}

/** True when the vendor documents the message with another code than the one that came with it. */
function errorContradictsItself(part: { errorCode: number | null; errorMessage: string | null }): boolean {
  if (part.errorCode === null || part.errorMessage === null) return false
  const documented = documentedErrorCode(part.errorMessage)
  return documented !== undefined && documented !== part.errorCode
}

function durationContradictsTimes(leg: NormalizedLeg): boolean {
  if (leg.durationSeconds === null) return false
  if (leg.connectedAtMs === null) return leg.durationSeconds > 0
  const connected = secondsBetween(leg.connectedAtMs, leg.disconnectedAtMs)
  return connected !== null && Math.abs(leg.durationSeconds - connected) > roundingSeconds
}

/** Compares calling codes, because countries share them: +44 is both GB and GG. */
function callingCodeContradicts(callingCode: string | null, country: string | null): boolean {
  if (callingCode === null || country === null) return false
  const expected = callingCodesOf(country)
  return expected.length > 0 && !expected.includes(callingCode)
}

function addNumberAnomalies(
  number: string | null,
  format: string | null,
  country: string | null,
  path: string,
  found: FoundAnomalies,
): void {
  if (number === null) return
  const { isE164, type, callingCode } = numberFacts(number, format)
  if (!isE164) found.add('number_not_e164', path)
  else if (type === null && !isFormerKosovoNumber(number, country)) found.add('number_not_valid', path)
  if (callingCodeContradicts(callingCode, country)) found.add('number_country_mismatch', path)
}

function addLegAnomalies(leg: NormalizedLeg, found: FoundAnomalies): void {
  const path = legPath(leg)
  if (runsBackwards(leg.initiatedAtMs, leg.connectedAtMs)) {
    found.add('connected_before_initiated', `${path}.connectedTimestamp`)
  }
  if (
    runsBackwards(leg.initiatedAtMs, leg.disconnectedAtMs) ||
    runsBackwards(leg.connectedAtMs, leg.disconnectedAtMs)
  ) {
    found.add('ends_before_start', `${path}.disconnectedTimestamp`)
  }
  if (durationContradictsTimes(leg)) found.add('duration_mismatch', `${path}.callDuration`)
  if (errorContradictsItself(leg)) found.add('error_mismatch', `${path}.errorDetails`)
  if (!qualityIsPossible(leg)) found.add('quality_out_of_range', `${path}.callQuality`)
  addNumberAnomalies(leg.source, leg.sourceFormat, leg.sourceCountry, `${path}.source`, found)
  addNumberAnomalies(
    leg.destination,
    leg.destinationFormat,
    leg.destinationCountry,
    `${path}.destination`,
    found,
  )
}

function legPath({ leg }: NormalizedLeg): string {
  return `payload.details.call${leg}`
}

function isImplausible({ startedAtMs, endedAtMs }: SessionTimes, receivedAtMs: number): boolean {
  return (
    (startedAtMs - receivedAtMs) / 1000 > secondsPerDay || (endedAtMs - startedAtMs) / 1000 > secondsPerDay
  )
}

/**
 * Adds to the anomalies that validation found those of facts that contradict each other or the documentation. An
 * anomaly of several fields is at one of them.
 *
 * @param receivedAtMs when its delivery was received, milliseconds since the Unix epoch
 */
export function anomaliesOf(
  session: NormalizedSession,
  times: SessionTimes,
  receivedAtMs: number,
): FoundAnomalies {
  const found = new FoundAnomalies({ codes: session.anomalies, details: session.anomalyDetails })
  if (session.legs.length === 0) found.add('no_legs', 'payload.details')
  if (statusContradictsLegs(session)) found.add('status_mismatch', 'payload.sessionStatus')
  if (session.callCount !== null && session.callCount !== session.legs.length)
    found.add('call_count_mismatch', 'payload.callCount')
  if (runsBackwards(times.startedAtMs, times.endedAtMs)) found.add('ends_before_start', 'payload.endTime')
  if (isImplausible(times, receivedAtMs)) found.add('implausible_time', 'payload.startTime')
  if (errorContradictsItself(session)) found.add('error_mismatch', 'payload.errorDetails')
  for (const leg of session.legs) addLegAnomalies(leg, found)
  return found
}
