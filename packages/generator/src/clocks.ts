import type { Random } from './random.ts'

/** Gives the start of the next session, milliseconds since the Unix epoch. Each is later than the one before. */
export type Clock = () => number

/** A span of time that sessions are spread over, milliseconds since the Unix epoch. No session starts at its end. */
export interface Period {
  readonly fromMs: number
  readonly untilMs: number
}

/** The mean pause between two sessions' starts is half of this. */
const longestPauseMs = 80

/** A clock for load: sessions start as fast as a busy platform takes calls. */
export function createSteadyClock(random: Random, startAtMs: number): Clock {
  let clockMs = startAtMs
  return function nextStartMs() {
    // The clock moves by at least a millisecond, so that no id repeats.
    clockMs += random.int(1, longestPauseMs)
    return clockMs
  }
}

const hourMs = 3_600_000
const dayMs = 24 * hourMs

/** Singapore, where most of the made-up companies work, has no summer time. */
const offsetMs = 8 * hourMs

/** Calls in each hour of a working day there, as shares of the busiest hour. */
const dailyCurve = [
  0.04, 0.02, 0.02, 0.02, 0.03, 0.06, 0.15, 0.3, 0.6, 0.9, 1, 0.95, 0.7, 0.75, 0.9, 0.95, 0.9, 0.8, 0.6, 0.45,
  0.35, 0.25, 0.15, 0.08,
]

/** Calls on each day of the week, Sunday first, as shares of a Monday's. */
const weeklyCurve = [0.3, 1, 0.97, 0.95, 0.96, 0.92, 0.45]

function weightAt(epochMs: number): number {
  const localMs = epochMs + offsetMs
  // The epoch began on a Thursday.
  const day = (Math.floor(localMs / dayMs) + 4) % 7
  return dailyCurve[Math.floor((localMs % dayMs) / hourMs)]! * weeklyCurve[day]!
}

/**
 * A clock that spreads `count` sessions over a period, by the hours of the day and the days of the week in Singapore.
 * Each session is drawn from its own slice of the period, and a slice is as long as its hour is quiet.
 */
export function createWeeklyClock(random: Random, { fromMs, untilMs }: Period, count: number): Clock {
  // The shares of the period that are over at the end of each hour.
  const hours: { fromMs: number; lengthMs: number; before: number; weight: number }[] = []
  let total = 0
  let dayFactor = 1
  for (let hourAtMs = fromMs; hourAtMs < untilMs; hourAtMs += hourMs) {
    const lengthMs = Math.min(hourMs, untilMs - hourAtMs)
    // No two weeks are the same.
    if (hours.length % 24 === 0) dayFactor = 0.85 + 0.3 * random.next()
    const weight = weightAt(hourAtMs) * lengthMs * dayFactor * (0.8 + 0.4 * random.next())
    hours.push({ fromMs: hourAtMs, lengthMs, before: total, weight })
    total += weight
  }
  let made = 0
  let hourNumber = 0
  let latestMs = fromMs - 1
  return function nextStartMs() {
    const place = Math.min(((made + random.next()) / count) * total, total)
    made += 1
    while (hourNumber < hours.length - 1 && hours[hourNumber + 1]!.before <= place) hourNumber += 1
    const hour = hours[hourNumber]!
    const drawnMs = hour.fromMs + Math.floor(((place - hour.before) / hour.weight) * (hour.lengthMs - 1))
    latestMs = Math.max(drawnMs, latestMs + 1)
    return latestMs
  }
}
