import type { NormalizedLeg } from './model.ts'
import { secondsBetween } from './time.ts'

/** Times and durations come in whole seconds beside milliseconds, so rounding lets them differ by a second. */
export const roundingSeconds = 1

/** A leg that has passed {@link wasConnected}. */
export type ConnectedLeg = NormalizedLeg & { connectedAtMs: number }

/** True when the times stand in the wrong order by more than rounding. A missing time contradicts nothing. */
function contradict(earlierMs: number | null, laterMs: number | null): boolean {
  const seconds = secondsBetween(earlierMs, laterMs)
  return seconds !== null && seconds < -roundingSeconds
}

/** Whether a leg was connected, at a time that can be true: after its initiation and before its end. */
export function wasConnected(leg: NormalizedLeg): leg is ConnectedLeg {
  const { initiatedAtMs, connectedAtMs, disconnectedAtMs } = leg
  return (
    connectedAtMs !== null &&
    !contradict(initiatedAtMs, connectedAtMs) &&
    !contradict(connectedAtMs, disconnectedAtMs)
  )
}

/** @returns seconds from initiated to connected; null when the leg was never connected, or its initiation is unknown */
export function ringSecondsOf(leg: NormalizedLeg): number | null {
  if (!wasConnected(leg) || leg.initiatedAtMs === null) return null
  return Math.max(0, (leg.connectedAtMs - leg.initiatedAtMs) / 1000)
}

/** @returns how long the leg was connected, in seconds; null when its end is unknown */
export function connectedSecondsOf(leg: ConnectedLeg): number | null {
  const seconds = secondsBetween(leg.connectedAtMs, leg.disconnectedAtMs)
  return seconds === null ? null : Math.max(0, seconds)
}

/**
 * Finds for how long the parties could talk: while the first leg and at least one other were connected. A leg that is
 * alone talks to a prompt, for as long as it is connected.
 *
 * @param legs in the order of their letters
 * @returns seconds; 0 when they were never connected together, null when the end of a connected leg is unknown
 */
export function talkSecondsOf(legs: readonly NormalizedLeg[]): number | null {
  const [first, ...others] = legs
  if (first === undefined || !wasConnected(first)) return 0
  if (others.length === 0) return connectedSecondsOf(first)
  const partners = others.filter(wasConnected)
  if (partners.length === 0) return 0
  const { disconnectedAtMs } = first
  if (disconnectedAtMs === null) return null

  let talkMs = 0
  let countedUntilMs = first.connectedAtMs
  for (const partner of partners.sort((one, other) => one.connectedAtMs - other.connectedAtMs)) {
    if (partner.disconnectedAtMs === null) return null
    const fromMs = Math.max(countedUntilMs, partner.connectedAtMs)
    const toMs = Math.min(disconnectedAtMs, partner.disconnectedAtMs)
    if (toMs <= fromMs) continue
    talkMs += toMs - fromMs
    countedUntilMs = toMs
  }
  return talkMs / 1000
}
