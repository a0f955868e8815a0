import type { NormalizedLeg, NormalizedSession } from './model.ts'

/** The start and the end of a session as stored, in milliseconds since the Unix epoch. */
export interface SessionTimes {
  startedAtMs: number
  endedAtMs: number
}

/** All times of the legs that could be read, in milliseconds since the Unix epoch. */
export function timesOfLegs(legs: readonly NormalizedLeg[]): number[] {
  return legs
    .flatMap(({ initiatedAtMs, connectedAtMs, disconnectedAtMs }) => [
      initiatedAtMs,
      connectedAtMs,
      disconnectedAtMs,
    ])
    .filter((epochMs) => epochMs !== null)
}

/**
 * Finds when a session started and ended. A time that could not be read is taken from the legs: their first or their
 * last. Without a time of theirs, the session's other time stands for both.
 */
export function sessionTimesOf(
  session: Pick<NormalizedSession, 'startedAtMs' | 'endedAtMs' | 'legs'>,
): SessionTimes {
  const { startedAtMs, endedAtMs, legs } = session
  if (startedAtMs !== null && endedAtMs !== null) return { startedAtMs, endedAtMs }
  const times = timesOfLegs(legs)
  // Validation rejects a session without any time.
  if (times.length === 0) times.push((startedAtMs ?? endedAtMs)!)
  return { startedAtMs: startedAtMs ?? Math.min(...times), endedAtMs: endedAtMs ?? Math.max(...times) }
}
