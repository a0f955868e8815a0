import type { Anomaly, NormalizedLeg, NormalizedSession } from './model.ts'
import { callingCodeOf, isE164, numberFacts } from './numbers.ts'
import { qualityIsPossible } from './quality.ts'
import { documentedErrorCode, impliedSessionStatus, optOutStatuses } from './reference.ts'
import { secondsBetween } from './time.ts'

/** Timestamps and durations come in whole seconds, so rounding lets them differ by one second. */
const roundingSeconds = 1

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
function numberContradictsCountry(number: string | null, country: string | null): boolean {
  if (number === null || country === null) return false
  const { callingCode } = numberFacts(number)
  const expected = callingCodeOf(country)
  return callingCode !== null && expected !== null && callingCode !== expected
}

function legContradictions(leg: NormalizedLeg, found: Set<Anomaly>): void {
  const { source, destination } = leg
  if (runsBackwards(leg.initiatedAtMs, leg.connectedAtMs)) found.add('connected_before_initiated')
  if (
    runsBackwards(leg.initiatedAtMs, leg.disconnectedAtMs) ||
    runsBackwards(leg.connectedAtMs, leg.disconnectedAtMs)
  ) {
    found.add('ends_before_start')
  }
  if (durationContradictsTimes(leg)) found.add('duration_mismatch')
  if (errorContradictsItself(leg)) found.add('error_mismatch')
  if (!qualityIsPossible(leg)) found.add('quality_out_of_range')
  if ((source !== null && !isE164(source)) || (destination !== null && !isE164(destination))) {
    found.add('number_not_e164')
  }
  if (
    numberContradictsCountry(source, leg.sourceCountry) ||
    numberContradictsCountry(destination, leg.destinationCountry)
  ) {
    found.add('number_country_mismatch')
  }
}

/** Finds where a session's facts contradict each other or the documentation. */
export function contradictionsOf(session: NormalizedSession): Set<Anomaly> {
  const found = new Set<Anomaly>()
  if (statusContradictsLegs(session)) found.add('status_mismatch')
  if (session.callCount !== null && session.callCount !== session.legs.length)
    found.add('call_count_mismatch')
  if (runsBackwards(session.startedAtMs, session.endedAtMs)) found.add('ends_before_start')
  if (errorContradictsItself(session)) found.add('error_mismatch')
  for (const leg of session.legs) legContradictions(leg, found)
  return found
}
