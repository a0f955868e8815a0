import { anomaliesOf } from './anomalies.ts'
import { ringSecondsOf, talkSecondsOf, wasConnected } from './connection.ts'
import type { AnomalyDetail, NormalizedLeg, NormalizedSession } from './model.ts'
import { numberFacts } from './numbers.ts'
import { calleeLegOf, partiesOf } from './parties.ts'
import { worstQuality } from './quality.ts'
import { errorMeanings, mosBand } from './reference.ts'
import { sessionTimesOf } from './session-times.ts'
import { secondsBetween } from './time.ts'

/** One row of `vss.call_legs`. */
export type CallLeg = ReturnType<typeof enrichLeg>

/**
 * Adds the seconds from initiated to connected, null when it never was connected, or at a time that cannot be true;
 * libphonenumber's types of the numbers (`MOBILE`, `FIXED_LINE`, ...), null when a number is not valid; and the quality
 * band.
 */
function enrichLeg(leg: NormalizedLeg) {
  return {
    ...leg,
    ringSeconds: ringSecondsOf(leg),
    sourceType: leg.source === null ? null : numberFacts(leg.source, leg.sourceFormat).type,
    destinationType:
      leg.destination === null ? null : numberFacts(leg.destination, leg.destinationFormat).type,
    mosBand: leg.mos === null ? null : mosBand(leg.mos),
  }
}

/**
 * Bounds the talk time by the length of the session. A length that was not sent, or is not above 0, bounds nothing.
 */
function talkSecondsWithin({ startedAtMs, endedAtMs, legs }: NormalizedSession): number | null {
  const talkSeconds = talkSecondsOf(legs)
  const sentSeconds = secondsBetween(startedAtMs, endedAtMs)
  if (talkSeconds === null || sentSeconds === null || sentSeconds <= 0) return talkSeconds
  return Math.min(talkSeconds, sentSeconds)
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

function byCodeAndPath(one: AnomalyDetail, other: AnomalyDetail): number {
  return compareText(one.code, other.code) || compareText(one.path, other.path)
}

function compareText(one: string, other: string): number {
  if (one === other) return 0
  return one < other ? -1 : 1
}

/** One row of `vss.sessions` with its rows of `vss.call_legs`: what enrichment hands to the writer. */
export type Session = ReturnType<typeof enrichSession>

/**
 * Adds the facts that follow from a session: parties, ring and talk time in seconds, worst quality, the documented
 * meaning of its error, the types of its numbers, and an anomaly for each contradiction.
 *
 * @param session a session that has passed validation; it is not changed
 * @param receivedAtMs when its delivery was received, milliseconds since the Unix epoch
 */
export function enrichSession(session: NormalizedSession, receivedAtMs: number) {
  const times = sessionTimesOf(session)
  const seconds = (times.endedAtMs - times.startedAtMs) / 1000
  const calleeLeg = calleeLegOf(session.legs)
  const found = anomaliesOf(session, times, receivedAtMs)
  return {
    ...session,
    ...errorOf(session),
    ...times,
    durationSeconds: seconds < 0 ? null : seconds,
    ...partiesOf(session.legs, calleeLeg),
    answered: calleeLeg !== undefined && wasConnected(calleeLeg),
    ringSeconds: calleeLeg === undefined ? null : ringSecondsOf(calleeLeg),
    talkSeconds: talkSecondsWithin(session),
    ...worstQuality(session.legs),
    legs: session.legs.map(enrichLeg),
    anomalies: [...found.codes].sort(),
    anomalyDetails: found.details.length === 0 ? null : found.details.sort(byCodeAndPath),
  }
}
