import { keptBytes, redisDiskBytes, redisMemoryBytes, scatteredBytes, walBytesPerEvent } from './bytes.ts'
import {
  batchRate,
  flushRate,
  ingestCores,
  ingestsFor,
  postgresCores,
  redisCores,
  workerCores,
  workersFor,
} from './cores.ts'
import { type Demand, meanRate, peakRate } from './demand.ts'
import {
  checkpointSeconds,
  dailyRelations,
  type Kind,
  networkBytes,
  type Part,
  postgresConnections,
  processBytes,
  queueBytes,
  redisConnections,
  relations,
  syncsPerBatch,
} from './figures.ts'
import { findLimits, type Limit, type Machines } from './limits.ts'

/** The numbers that are not for the model to find: of pipelines, and of the parts of each. */
export interface Given {
  pipelines?: number
  ingests?: number
  workers?: number
  primaries?: number
}

export interface Capacity {
  eventsPerSecond: { mean: number; peak: number }
  /** Of the whole load; the one that comes first is at the head. */
  limits: Limit[]
  /** A pipeline has one Postgres. Several share the load by sub-account. */
  pipelines: number
  /** One of the pipelines. */
  each: Means
  /** The limits of one pipeline for which it has too few. */
  tooFew: Limit[]
  /** The same load, were the ledger, the sessions and the legs in a partition for each day. */
  ifDaily: { pipelines: number; logBytesPerEvent: number }
}

/** The means of a pipeline. Rates are those of the peak. */
export interface Means {
  eventsPerDay: number
  ingest: { count: number; cores: number; memoryBytes: number }
  redis: {
    count: number
    queueShards: number
    cores: number
    memoryBytes: number
    diskBytes: number
    syncsPerSecond: number
  }
  worker: { count: number; cores: number; memoryBytes: number }
  postgres: {
    cores: number
    /** For index pages that new rows touch in no order. Where there is less, they are read from disk. */
    memoryBytes: number
    diskBytes: Record<Kind, number>
    logBytesPerEvent: number
    logBytesPerDay: number
    maxWalSizeBytes: number
    syncsPerSecond: number
  }
  connections: { redis: number; postgres: number }
  networkBytesPerSecond: { posts: number; toRedis: number; fromRedis: number; toPostgres: number }
}

/** @returns the means that a load needs, and the limits that it meets. */
export function planCapacity(demand: Demand, machines: Machines, given: Given): Capacity {
  const limits = findLimits(demand, machines)
  const pipelines = given.pipelines ?? mostNeeded(limits, 'postgres')
  const share: Demand = {
    ...demand,
    eventsPerDay: demand.eventsPerDay / pipelines,
    ...(given.ingests && { ingests: given.ingests }),
    ...(given.workers && { workers: given.workers }),
  }
  const limitsOfEach = findLimits(share, machines)
  const primaries = given.primaries ?? mostNeeded(limitsOfEach, 'redis')
  // Two processes of a kind at least, because one may die.
  const ingests = given.ingests ?? Math.max(2, ingestsFor(share))
  const workers = given.workers ?? Math.max(2, workersFor(share))
  const counts: Record<Part, number> = { ingest: ingests, worker: workers, redis: primaries, postgres: 1 }
  const daily = findLimits(demand, machines, dailyRelations)
  return {
    eventsPerSecond: { mean: meanRate(demand), peak: peakRate(demand) },
    limits,
    pipelines,
    each: meansOf({ ...share, ingests, workers }, counts),
    tooFew: limitsOfEach.filter(({ part, needed }) => needed > counts[part]),
    ifDaily: {
      pipelines: mostNeeded(daily, 'postgres'),
      logBytesPerEvent: walBytesPerEvent(demand, dailyRelations),
    },
  }
}

function meansOf(demand: Demand, counts: Record<Part, number>): Means {
  const logBytesPerEvent = walBytesPerEvent(demand, relations)
  const { ingest, worker, redis } = counts
  const queueShards = redis === 1 ? 1 : 2 * redis
  return {
    eventsPerDay: demand.eventsPerDay,
    ingest: { count: ingest, cores: ingestCores(demand), memoryBytes: ingest * processBytes.ingest },
    redis: {
      count: redis,
      queueShards,
      cores: redisCores(demand, redis),
      memoryBytes: redisMemoryBytes(demand),
      diskBytes: redisDiskBytes(demand),
      syncsPerSecond: batchRate(demand) * syncsPerBatch,
    },
    worker: { count: worker, cores: workerCores(demand), memoryBytes: worker * processBytes.worker },
    postgres: {
      cores: postgresCores(demand, 1),
      memoryBytes: scatteredBytes(demand, relations),
      diskBytes: {
        bodies: keptBytes(demand, 'bodies'),
        ledger: keptBytes(demand, 'ledger'),
        sessions: keptBytes(demand, 'sessions'),
      },
      logBytesPerEvent,
      logBytesPerDay: logBytesPerEvent * demand.eventsPerDay,
      maxWalSizeBytes: logBytesPerEvent * peakRate(demand) * checkpointSeconds,
      syncsPerSecond: flushRate(demand),
    },
    connections: connectionsOf({ ingest, worker, redis, queueShards }),
    networkBytesPerSecond: networkOf(demand),
  }
}

function mostNeeded(limits: readonly Limit[], part: Part): number {
  return Math.max(...limits.filter((limit) => limit.part === part).map(({ needed }) => needed))
}

/**
 * In a cluster, ingest connects to each primary, and each client of a worker to replicas too: at most as many as this,
 * with a replica for each primary.
 */
export function connectionsOf(counts: {
  ingest: number
  worker: number
  redis: number
  queueShards: number
}): Means['connections'] {
  const { ingest, worker, redis, queueShards } = counts
  const nodes = redis === 1 ? 1 : 2 * redis
  const ofWorker = redisConnections.worker.shared + redisConnections.worker.each * queueShards
  return {
    redis: (ingest * redisConnections.ingest + redisConnections.console) * redis + worker * ofWorker * nodes,
    postgres: worker * postgresConnections.worker + postgresConnections.console,
  }
}

/** A replica takes the part of its primary once more. */
function networkOf(demand: Demand): Means['networkBytesPerSecond'] {
  const rate = peakRate(demand)
  const queue = batchRate(demand) * queueBytes.batch + rate * queueBytes.event
  return {
    posts: rate * networkBytes.post,
    toRedis: queue,
    fromRedis: queue,
    toPostgres: rate * networkBytes.postgres,
  }
}
