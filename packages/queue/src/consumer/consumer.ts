import type { Logger } from '@vss-pipeline/runtime/service'
import { connectRedis, type RedisClient } from '../connection.ts'
import { warnOfDurabilityProblems } from '../durability.ts'
import { forgetWhenIdle } from '../forgetting.ts'
import { isConnectionLoss } from '../outage-log.ts'
import { openShards, type Shard } from '../topology.ts'
import { createBatchCloser } from '../watermark/open-batches.ts'
import { closeWorkers } from './closing.ts'
import { createFloor } from './floor.ts'
import { keepPace } from './pace.ts'
import { createJobProcessor, type HandleBatch } from './process-job.ts'
import { logStalls, openWorker } from './worker.ts'

export interface Consumer {
  /** For status and metrics. */
  readonly shards: readonly Shard[]
  readonly client: RedisClient
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
 */
export function createConsumer(options: {
  redisUrl: string
  prefix: string
  /** The number of queues; 1 by default. */
  shards?: number
  /** Batches in hand at once, over all queues. */
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

  const shards = openShards(client, { prefix, shards: options.shards ?? 1 })
  const concurrency = Math.ceil(options.concurrency / shards.length)
  const floor = createFloor({
    pause: async () => void (await Promise.all(workers.map((worker) => worker.pause(true)))),
    resume: () => workers.forEach((worker) => void worker.resume()),
  })
  const processJob = createJobProcessor({ handle, closeBatch: createBatchCloser(client), floor, logger })
  const workers = shards.map((shard) =>
    openWorker({ client, shard, processJob, concurrency, lockDurationMs, stalledIntervalMs }),
  )
  const forgetting = forgetWhenIdle({ client, shards, logger, checkIntervalMs: options.idleCheckIntervalMs })
  const stopKeepingPace = keepPace({ workers, client, concurrency, lockDurationMs })
  logStalls(workers, logger)
  for (const worker of workers) {
    worker.on('error', restWhenRefused)
    worker.on('completed', () => forgetting.batchDone())
  }

  /** Where Redis refuses a command, as when out of memory, BullMQ asks again at once and without end: rests instead. */
  function restWhenRefused(error: Error): void {
    if (floor.state !== 'open' || client.status !== 'ready' || isConnectionLoss(error)) return
    logger.warn({ err: error }, 'the queue refuses: asking again later')
    void floor.rest()
  }

  return {
    shards,
    client,
    async close() {
      floor.close()
      stopKeepingPace()
      forgetting.stop()
      await closeWorkers(workers, client)
    },
  }
}
