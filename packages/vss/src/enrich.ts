import { contradictionsOf } from './anomalies.ts'
import type { NormalizedLeg, NormalizedSession } from './model.ts'
import { numberFacts } from './numbers.ts'
import { worstQuality } from './quality.ts'
import { errorMeanings, mosBand } from './reference.ts'
import { secondsBetween } from './time.ts'

const unlessNegative = (seconds: number | null) => (seconds !== null && seconds < 0 ? null : seconds)

/** One row of `vss.call_legs`. */
export type CallLeg = ReturnType<typeof enrichLeg>

/**
 * Adds the seconds from initiated to connected, null when it never was connected; libphonenumber's types of the
 * numbers (`MOBILE`, `FIXED_LINE`, ...), null when it cannot tell; and the quality band.
 */
function enrichLeg(leg: NormalizedLeg) {
  return {
    ...leg,
    ringSeconds: unlessNegative(secondsBetween(leg.initiatedAtMs, leg.connectedAtMs)),
    sourceType: leg.source === null ? null : numberFacts(leg.source).type,
    destinationType: leg.destination === null ? null : numberFacts(leg.destination).type,
    mosBand: leg.mos === null ? null : mosBand(leg.mos),
  }
}

/** Finds the first leg that passes the test. Leg B comes before the others, because it is the callee's. */
function findCalleeFirst(legs: readonly CallLeg[], test: (leg: CallLeg) => boolean): CallLeg | undefined {
  return legs.find((leg) => leg.leg === 'B' && test(leg)) ?? legs.find(test)
}

/**
 * Finds the caller, the virtual number and the callee by the directions of the legs. Only masked calls give meaning to
 * the letters.
 */
function partiesOf(legs: readonly CallLeg[]) {
  const inbound = legs.find((leg) => leg.direction === 'INBOUND')
  const from = findCalleeFirst(legs, (leg) => leg.direction === 'OUTBOUND' && leg.source !== null)
  const to = findCalleeFirst(legs, (leg) => leg.direction === 'OUTBOUND' && leg.destination !== null)
  return {
    caller: inbound?.source ?? null,
    virtualNumber: inbound?.destination ?? from?.source ?? null,
    callee: to?.destination ?? null,
  }
}

/**
 * @returns the seconds during which all legs were connected. 0 when there is no leg, or one was never connected; null
 *   when the end of a connected leg is unknown.
 */
function talkSecondsOf(legs: readonly NormalizedLeg[]): number | null {
  if (legs.length === 0) return 0
  let from = Number.NEGATIVE_INFINITY
  let to: number | null = Number.POSITIVE_INFINITY
  for (const leg of legs) {
    if (leg.connectedAtMs === null) return 0
    from = Math.max(from, leg.connectedAtMs)
    to = to === null || leg.disconnectedAtMs === null ? null : Math.min(to, leg.disconnectedAtMs)
  }
  return to === null ? null : Math.max(0, (to - from) / 1000)
}

/** Takes the session's own error, else the error of the first leg that has one. Code and message stay a pair. */
function errorOf(session: NormalizedSession) {
  const { errorCode, errorMessage } =
    [session, ...session.legs].find((part) => part.errorCode !== null || part.errorMessage !== null) ??
    session
  return {
    errorCode,
    errorMessage,
    errorMeaning: errorCode === null ? null : (errorMeanings.get(errorCode) ?? null),
  }
}

/** One row of `vss.sessions` with its rows of `vss.call_legs`: what enrichment hands to the writer. */
export type Session = ReturnType<typeof enrichSession>

/**
 * Adds the facts that follow from a session: parties, ring and talk time in seconds, worst quality, the documented
 * meaning of its error, the types of its numbers, and an anomaly for each contradiction.
 *
 * @param session a session that has passed validation; it is not changed
 */
export function enrichSession(session: NormalizedSession) {
  const legs = session.legs.map(enrichLeg)
  const calleeLeg = findCalleeFirst(legs, () => true)
  return {
    ...session,
    ...errorOf(session),
    durationSeconds: unlessNegative(secondsBetween(session.startedAtMs, session.endedAtMs)),
    ...partiesOf(legs),
    answered: calleeLeg !== undefined && calleeLeg.connectedAtMs !== null,
    ringSeconds: calleeLeg?.ringSeconds ?? null,
    talkSeconds: talkSecondsOf(legs),
    ...worstQuality(legs),
    legs,
    anomalies: [...new Set([...session.anomalies, ...contradictionsOf(session)])].sort(),
  }
}
