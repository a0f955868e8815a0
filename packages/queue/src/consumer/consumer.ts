import type { Logger } from '@vss-pipeline/runtime/service'
import type { Worker } from 'bullmq'
import { connectRedis, type RedisClient } from '../connection.ts'
import { warnOfDurabilityProblems } from '../durability.ts'
import { forgetWhenIdle } from '../forgetting.ts'
import { primaries, primaryIsAway } from '../nodes.ts'
import { openTopology, type Shard, type Topology } from '../topology.ts'
import { createBatchCloser } from '../watermark/open-batches.ts'
import { closeWorkers } from './closing.ts'
import { createFloor } from './floor.ts'
import { findFurtherShards } from './further-shards.ts'
import { keepPace } from './pace.ts'
import { createJobProcessor, type HandleBatch } from './process-job.ts'
import { createRest } from './rest.ts'
import { createStallLog, openWorker } from './worker.ts'

export interface Consumer {
  /** The shards that it reads now. They become more, never fewer. */
  readonly shards: readonly Shard[]
  /** For status and metrics. */
  readonly topology: Topology
  readonly client: RedisClient
  /** Resolves when a Redis answers: in a cluster any primary. */
  probe(): Promise<void>
  /**
   * Takes no more jobs. Those in hand finish, or go back to the queue when their handler throws. While Redis is away or
   * silent they are left to other workers, and the close takes seconds.
   */
  close(): Promise<void>
}

// The jobs of a killed worker run again after at most the lock's duration and two checks: 18 s.
const defaultLockDurationMs = 10_000
const defaultStalledIntervalMs = 4_000

/**
 * Takes batches off the queues and gives each to `handle`. The job of a batch that is done is removed; one that is set
 * aside is kept as failed. A throw is a fault: the job waits (jittered, at most 30 s) and comes again, without end.
 *
 * A batch that stalled before runs alone: everything else in hand finishes first or goes back to the queue. If it kills
 * this process too, no other batch suffers. Several such batches run one after the other.
 *
 * It reads the first `shards` queues, and those of other numbers once they hold batches.
 */
export function createConsumer(options: {
  redisUrl: string
  prefix: string
  /** The number of queues; 1 by default. */
  shards?: number
  /** Batches in hand at once, over all queues; but each queue may have one. */
  concurrency: number
  logger: Logger
  handle: HandleBatch
  /** A worker that is silent for this long loses its batches to others. */
  lockDurationMs?: number
  /** How often workers look for batches of silent workers. */
  stalledIntervalMs?: number
  /** How often it is checked whether the queues are empty, which lets Redis rewrite its file. */
  idleCheckIntervalMs?: number
}): Consumer {
  const {
    redisUrl,
    prefix,
    logger,
    handle,
    lockDurationMs = defaultLockDurationMs,
    stalledIntervalMs = defaultStalledIntervalMs,
  } = options
  const client = connectRedis({
    redisUrl,
    role: 'consumer',
    logger,
    // A peer that hangs keeps its connection open. Without data for this long, the client opens another connection.
    // Other workers have taken the batches in hand by then. The time is 15 s, longer than any blocking read.
    settings: { maxRetriesPerRequest: null, socketTimeout: lockDurationMs + 5_000 },
  })
  warnOfDurabilityProblems(client, logger)

  const own = options.shards ?? 1
  const topology = openTopology({ client, prefix, shards: own })
  const shards: Shard[] = []
  const workers: Worker[] = []
  const floor = createFloor({
    pause: async () => void (await Promise.all(workers.map((worker) => worker.pause(true)))),
    resume: () => workers.forEach((worker) => void worker.resume()),
  })
  const processJob = createJobProcessor({ handle, closeBatch: createBatchCloser(client), floor, logger })
  const forgetting = forgetWhenIdle({ client, shards, logger, checkIntervalMs: options.idleCheckIntervalMs })
  const restWhenRefused = createRest({ floor, isConnected: () => client.status === 'ready', logger })
  const logStall = createStallLog(logger)

  function concurrency(): number {
    return Math.max(1, Math.floor(options.concurrency / Math.max(own, shards.length)))
  }

  function read(shard: Shard): void {
    // Its worker would take jobs although a batch runs alone, or although the consumer closes.
    if (floor.state !== 'open') return
    shards.push(shard)
    const worker = openWorker({
      client,
      shard,
      processJob,
      concurrency: concurrency(),
      lockDurationMs,
      stalledIntervalMs,
    })
    workers.push(worker)
    worker.on('error', (error) => void restWhenRefused(worker, shard, error))
    worker.on('completed', () => forgetting.batchDone())
    worker.on('stalled', logStall)
  }

  for (const shard of topology.shards.slice(0, own)) read(shard)
  const stopLooking = findFurtherShards({ topology, isRead: (shard) => shards.includes(shard), read })
  const stopKeepingPace = keepPace({ workers, client, concurrency, lockDurationMs })

  return {
    shards,
    topology,
    client,
    async probe() {
      await Promise.any(primaries(client).map((primary) => primary.ping())).catch(
        ({ errors }: AggregateError) => {
          throw errors[0] ?? new Error(primaryIsAway)
        },
      )
    },
    async close() {
      floor.close()
      stopLooking()
      stopKeepingPace()
      forgetting.stop()
      await closeWorkers(workers, client)
    },
  }
}
