import { contradictionsOf } from './anomalies.ts'
import type { CallLeg, NormalizedLeg, NormalizedSession, Session } from './model.ts'
import { numberFacts } from './numbers.ts'
import { worstQuality } from './quality.ts'
import { ERROR_MEANINGS, mosBand } from './reference.ts'
import { epochMsOf, secondsBetween } from './time.ts'

const unlessNegative = (seconds: number | null) => (seconds !== null && seconds < 0 ? null : seconds)

function enrichLeg(leg: NormalizedLeg): CallLeg {
  return {
    ...leg,
    ringSeconds: unlessNegative(secondsBetween(leg.initiatedAt, leg.connectedAt)),
    sourceType: leg.source === null ? null : numberFacts(leg.source).type,
    destinationType: leg.destination === null ? null : numberFacts(leg.destination).type,
    mosBand: leg.mos === null ? null : mosBand(leg.mos),
  }
}

/** Leg B comes first where the callee is sought: it is the callee's leg wherever there is one. */
function calleeFirst<Leg extends NormalizedLeg>(legs: readonly Leg[]): Leg[] {
  return [...legs.filter((leg) => leg.leg === 'B'), ...legs.filter((leg) => leg.leg !== 'B')]
}

function firstKnown(numbers: (string | null)[]): string | null {
  return numbers.find((number) => number !== null) ?? null
}

/** Who called whom through which number, told by the legs' directions alone: letters mean nothing outside masking. */
function partiesOf(legs: readonly CallLeg[]) {
  const inbound = legs.find((leg) => leg.direction === 'INBOUND')
  const outbound = calleeFirst(legs).filter((leg) => leg.direction === 'OUTBOUND')
  return {
    caller: inbound?.source ?? null,
    virtualNumber: inbound?.destination ?? firstKnown(outbound.map((leg) => leg.source)),
    callee: firstKnown(outbound.map((leg) => leg.destination)),
  }
}

/**
 * Seconds during which all legs were connected together. 0 when a leg never was, or there is none;
 * null when a connected leg's end is unknown.
 */
function talkSecondsOf(legs: readonly NormalizedLeg[]): number | null {
  if (legs.length === 0) return 0
  let from = Number.NEGATIVE_INFINITY
  let to: number | null = Number.POSITIVE_INFINITY
  for (const leg of legs) {
    if (leg.connectedAt === null) return 0
    from = Math.max(from, epochMsOf(leg.connectedAt))
    to = to === null || leg.disconnectedAt === null ? null : Math.min(to, epochMsOf(leg.disconnectedAt))
  }
  return to === null ? null : Math.max(0, (to - from) / 1000)
}

/** The session's own error, else that of the first leg that has one. Code and message stay the pair they came as. */
function errorOf(session: NormalizedSession) {
  const { errorCode, errorMessage } =
    [session, ...session.legs].find((part) => part.errorCode !== null || part.errorMessage !== null) ??
    session
  return {
    errorCode,
    errorMessage,
    errorMeaning: errorCode === null ? null : (ERROR_MEANINGS.get(errorCode) ?? null),
  }
}

/**
 * Adds what the facts of a session imply: parties, ring and talk time, worst quality, the documented meaning of its
 * error, types of its numbers, and the anomalies that show where its facts contradict each other. Times are seconds.
 *
 * @param session what validation passed; it is not changed
 */
export function enrichSession(session: NormalizedSession): Session {
  const legs = session.legs.map(enrichLeg)
  const calleeLeg = calleeFirst(legs)[0]
  return {
    ...session,
    ...errorOf(session),
    durationSeconds: unlessNegative(secondsBetween(session.startedAt, session.endedAt)),
    ...partiesOf(legs),
    answered: calleeLeg !== undefined && calleeLeg.connectedAt !== null,
    ringSeconds: calleeLeg?.ringSeconds ?? null,
    talkSeconds: talkSecondsOf(legs),
    ...worstQuality(legs),
    legs,
    anomalies: [...new Set([...session.anomalies, ...contradictionsOf(session)])].sort(),
  }
}
