import { diskOperations, redisMemoryBytes, storedBytes, walBytesPerEvent } from './bytes.ts'
import { ingestCores, postgresCores, redisCores, workerCores } from './cores.ts'
import { type Demand, fewest, peakRate } from './demand.ts'
import { fullCoreShare, fullMachineShare, type Part, relations } from './figures.ts'

/** The largest machines to be had for a primary of Redis and for a Postgres. */
export interface Machines {
  /** Its `maxmemory`. */
  redis: { memoryBytes: number }
  postgres: {
    cores: number
    memoryBytes: number
    diskBytes: number
    /** Reads and writes of a page. */
    diskOperationsPerSecond: number
    /** That much log may be written: about half of what its disk can write. */
    logBytesPerSecond: number
  }
}

/** Something that runs out as the load grows. */
export interface Limit {
  part: Part
  resource: string
  /** The most events a day that one is enough for, with the peak and the retention that are asked for. */
  oneHoldsPerDay: number
  /** The number that is enough. */
  needed: number
}

/** The share of what `units` have together that is used; up to 1 they are enough. */
type Share = (demand: Demand, units: number) => number

/**
 * @param tables are the tables as they are, unless others are to be tried.
 * @returns the limits, the one that comes first at the head.
 */
export function findLimits(demand: Demand, { redis, postgres }: Machines, tables = relations): Limit[] {
  const cores = postgres.cores * fullMachineShare
  const memoryBytes = postgres.memoryBytes * fullMachineShare
  const diskBytes = postgres.diskBytes * fullMachineShare
  const shares: [Part, string, Share][] = [
    ['ingest', 'CPU', (demand, ingests) => ingestCores({ ...demand, ingests }) / (ingests * fullCoreShare)],
    ['worker', 'CPU', (demand, workers) => workerCores({ ...demand, workers }) / (workers * fullCoreShare)],
    ['redis', 'CPU', (demand, units) => redisCores(demand, units) / (units * fullCoreShare)],
    ['redis', 'memory', (demand, units) => redisMemoryBytes(demand) / (units * redis.memoryBytes)],
    ['postgres', 'CPU', (demand, units) => postgresCores(demand, units) / (units * cores)],
    ['postgres', 'disk', (demand, units) => storedBytes(demand) / (units * diskBytes)],
    ['postgres', 'disk operations', shareOfOperations],
    ['postgres', 'log (WAL)', shareOfLog],
  ]

  function shareOfOperations(demand: Demand, units: number): number {
    const operations = peakRate(demand) * diskOperations(demand, units * memoryBytes, tables)
    return operations / (units * postgres.diskOperationsPerSecond)
  }

  function shareOfLog(demand: Demand, units: number): number {
    return (peakRate(demand) * walBytesPerEvent(demand, tables)) / (units * postgres.logBytesPerSecond)
  }

  return shares
    .map(([part, resource, share]) => ({
      part,
      resource,
      oneHoldsPerDay: mostEvents(share, demand),
      needed: fewest((units) => share(demand, units) <= 1),
    }))
    .sort((one, other) => one.oneHoldsPerDay - other.oneHoldsPerDay)
}

/** Finds by bisection the most events a day for which one unit is enough. */
function mostEvents(share: Share, demand: Demand): number {
  let [enough, tooMany] = [1, 1e15]
  while (tooMany / enough > 1.001) {
    const middle = Math.sqrt(enough * tooMany)
    if (share({ ...demand, eventsPerDay: middle }, 1) <= 1) enough = middle
    else tooMany = middle
  }
  return enough
}
