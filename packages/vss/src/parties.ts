import { connectedSecondsOf, wasConnected } from './connection.ts'
import type { NormalizedLeg } from './model.ts'

function isOutbound(leg: NormalizedLeg | undefined): leg is NormalizedLeg {
  return leg?.direction === 'OUTBOUND'
}

/** @returns the leg that was connected for longest, or undefined when none was; an unknown end counts as no time */
function longestConnected(legs: readonly NormalizedLeg[]): NormalizedLeg | undefined {
  let longest: NormalizedLeg | undefined
  let longestSeconds = -1
  for (const leg of legs) {
    const seconds = wasConnected(leg) ? (connectedSecondsOf(leg) ?? 0) : -1
    if (seconds <= longestSeconds) continue
    longest = leg
    longestSeconds = seconds
  }
  return longest
}

/**
 * Finds the leg of the party that was called. A hunt group calls several one after the other, and the one that talked
 * is meant: of the OUTBOUND legs after the first leg the one that was connected for longest, else the first of them.
 * Without such a leg it is the leg after the first, or the first one when it is alone.
 *
 * @param legs in the order of their letters
 */
export function calleeLegOf(legs: readonly NormalizedLeg[]): NormalizedLeg | undefined {
  if (legs.length <= 2) return legs[1] ?? legs[0]
  const called = legs.slice(1).filter(isOutbound)
  return longestConnected(called) ?? called[0] ?? legs[1]
}

/**
 * Finds the caller, the virtual number and the callee by the directions of the legs. Only masked calls give meaning to
 * the letters.
 *
 * @param calleeLeg of {@link calleeLegOf}
 */
export function partiesOf(legs: readonly NormalizedLeg[], calleeLeg: NormalizedLeg | undefined) {
  const inbound = legs.find((leg) => leg.direction === 'INBOUND')
  const outbound = legs.filter(isOutbound)
  // The number of another party must not stand for one that was not sent.
  const callee = isOutbound(calleeLeg)
    ? calleeLeg.destination
    : outbound.find((leg) => leg.destination !== null)?.destination
  const virtualNumber =
    inbound?.destination ??
    (isOutbound(calleeLeg) ? calleeLeg.source : null) ??
    outbound.find((leg) => leg.source !== null)?.source
  return { caller: inbound?.source ?? null, virtualNumber: virtualNumber ?? null, callee: callee ?? null }
}
