import { type Demand, fewest, peakRate } from './demand.ts'
import {
  batchBeside,
  batchesInFlight,
  type CpuFigures,
  cpu,
  enqueueSeconds,
  flushSeconds,
  fullBatch,
  fullCoreShare,
  fullFlush,
} from './figures.ts'

/** Work for one part. Its costs go by events, by the batches that they travel in, and by transactions. */
export interface Work {
  eventsPerSecond?: number
  batchesPerSecond?: number
  flushesPerSecond?: number
  /** Each takes a little when nothing comes. */
  processes: number
}

/** @returns the cores that a part takes. */
export function coresFor(figures: CpuFigures, work: Work): number {
  const { eventsPerSecond = 0, batchesPerSecond = 0, flushesPerSecond = 0, processes } = work
  return (
    (eventsPerSecond * figures.event +
      batchesPerSecond * figures.batch +
      flushesPerSecond * figures.flush +
      processes * figures.second) /
    1e6
  )
}

/**
 * @param eventsPerSecond is the rate of one ingest. Deliveries that come while a batch is under way share the next one.
 * @returns the deliveries of a batch.
 */
export function batchOf(eventsPerSecond: number, seconds = enqueueSeconds): number {
  const arrived = eventsPerSecond * seconds
  if (arrived <= batchBeside) return Math.max(1, arrived)
  return Math.min(fullBatch, Math.max(batchBeside, arrived / batchesInFlight))
}

/**
 * @param eventsPerSecond is the rate of one worker. Batches that come during a transaction share the next one.
 * @returns the deliveries of a transaction.
 */
export function flushOf(eventsPerSecond: number, seconds = flushSeconds): number {
  return Math.min(fullFlush, Math.max(1, eventsPerSecond * seconds))
}

/** @returns the number of ingests: the given one, or as many as the peak needs. */
export function ingestsFor(demand: Demand): number {
  return demand.ingests ?? fewest((ingests) => ingestCores({ ...demand, ingests }) <= ingests * fullCoreShare)
}

/** @returns the number of workers: the given one, or as many as the peak needs. */
export function workersFor(demand: Demand): number {
  return demand.workers ?? fewest((workers) => workerCores({ ...demand, workers }) <= workers * fullCoreShare)
}

/** @returns the batches a second at the peak. */
export function batchRate(demand: Demand): number {
  const rate = peakRate(demand)
  return rate / batchOf(rate / ingestsFor(demand))
}

/** @returns the transactions a second at the peak. */
export function flushRate(demand: Demand): number {
  const rate = peakRate(demand)
  return rate / flushOf(rate / workersFor(demand))
}

/** @returns the cores of all ingests at the peak. */
export function ingestCores(demand: Demand): number {
  return coresFor(cpu.ingest, {
    eventsPerSecond: peakRate(demand),
    batchesPerSecond: batchRate(demand),
    processes: ingestsFor(demand),
  })
}

/** @returns the cores of all primaries at the peak. */
export function redisCores(demand: Demand, primaries: number): number {
  return coresFor(cpu.redis, { batchesPerSecond: batchRate(demand), processes: primaries })
}

/** @returns the cores of all workers at the peak. */
export function workerCores(demand: Demand): number {
  return coresFor(cpu.worker, {
    eventsPerSecond: peakRate(demand),
    batchesPerSecond: batchRate(demand),
    flushesPerSecond: flushRate(demand),
    processes: workersFor(demand),
  })
}

/** @returns the cores of all databases at the peak. */
export function postgresCores(demand: Demand, databases: number): number {
  return coresFor(cpu.postgres, {
    eventsPerSecond: peakRate(demand),
    flushesPerSecond: flushRate(demand),
    processes: databases,
  })
}
