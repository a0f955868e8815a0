import type { Kind } from './figures.ts'

/** The load that the pipeline must carry. */
export interface Demand {
  eventsPerDay: number
  /** The rate of the busiest seconds, as a multiple of the mean. */
  peak: number
  retentionDays: Readonly<Record<Kind, number>>
  /** Redis must hold what comes at the peak while Postgres is away for this long. */
  outageSeconds: number
  /** The processes that run; as many as are needed unless given. */
  ingests?: number
  workers?: number
}

const secondsPerDay = 86_400

/** @returns events a second. */
export function meanRate({ eventsPerDay }: Demand): number {
  return eventsPerDay / secondsPerDay
}

/** @returns events a second. */
export function peakRate(demand: Demand): number {
  return meanRate(demand) * demand.peak
}

/** @returns the smallest number that is enough, where every greater one is enough too. */
export function fewest(isEnough: (count: number) => boolean): number {
  let enough = 1
  while (!isEnough(enough)) enough *= 2
  let tooFew = enough / 2
  while (enough - tooFew > 1) {
    const middle = Math.floor((enough + tooFew) / 2)
    if (isEnough(middle)) enough = middle
    else tooFew = middle
  }
  return enough
}
