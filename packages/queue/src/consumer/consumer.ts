import { createBackoff } from '@vss-pipeline/runtime'
import type { Logger } from '@vss-pipeline/runtime/service'
import { isNotConnectionError, type Job, UnrecoverableError, WaitingError, Worker } from 'bullmq'
import type { Redis } from 'ioredis'
import { openBatch, type PackedBatch, UnknownPayloadError } from '../codec.ts'
import { connectRedis } from '../connection.ts'
import { warnOfDurabilityProblems } from '../durability.ts'
import { forgetWhenIdle } from '../forgetting.ts'
import { createInterruptibleBackend } from '../interruptible-backend.ts'
import { openShards, type Shard } from '../topology.ts'
import { closeWorkers } from './closing.ts'
import { createFloor } from './floor.ts'
import { keepPace } from './pace.ts'

/** A batch as its handler holds it, with what is known of earlier tries. */
export interface BatchInHand extends PackedBatch {
  /** An earlier worker took it and never answered: killed, frozen, or cut off from Redis. It runs alone now. */
  readonly stalledBefore: boolean
  /** What {@link saveTrail} kept last, in this or an earlier worker; undefined when nothing. */
  readonly trail: unknown
  /** Keeps a note with the job in Redis, so that it outlives this process. */
  saveTrail(trail: object): Promise<void>
}

/** How a batch ended: `set_aside` keeps its job, for a release that can read what this one could not. */
export type BatchEnd = 'done' | 'set_aside'

export interface Consumer {
  /** For status and metrics. */
  readonly shards: readonly Shard[]
  readonly client: Redis
  /**
   * Takes no more jobs; those in hand finish, or go back to the queue when their handler throws. Where Redis is away
   * or silent they are left to other workers, within seconds.
   */
  close(): Promise<void>
}

// A killed worker's jobs run again after at most lockDuration + 2 checks: 18 s.
const defaultLockDurationMs = 10_000
const defaultStalledIntervalMs = 4_000
const retryDelayMs = createBackoff({ firstMs: 400, longestMs: 30_000 })

/**
 * Takes batches off the queues and gives each to `handle`: one that is done is gone, one that is to be set aside is
 * kept as a failed job. A throw is a fault: the job waits (jittered, at most 30 s) and comes again, without end.
 *
 * A batch that stalled before runs alone: everything else in hand finishes first or goes back to the queue, so
 * that if it kills this process too, it takes nothing along. Several such run one after the other.
 */
export function createConsumer(options: {
  redisUrl: string
  prefix: string
  /** How many queues there are; 1 unless given. */
  shards?: number
  /** Batches in hand at once, over all queues. */
  concurrency: number
  logger: Logger
  handle: (batch: BatchInHand) => Promise<BatchEnd>
  /** How long a worker may be silent before its batches are taken from it. */
  lockDurationMs?: number
  /** How often that is looked for. */
  stalledIntervalMs?: number
  /** How often it is looked whether the queues have been empty for long enough to rewrite Redis' file. */
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
    // A peer that hangs keeps its connection open: without data for so long, try another one. By then the batches
    // in hand are lost to others anyway; and 15 s are longer than any blocking read lasts.
    settings: { maxRetriesPerRequest: null, socketTimeout: lockDurationMs + 5_000 },
  })
  warnOfDurabilityProblems(client, logger)

  const shards = openShards(client, { prefix, shards: options.shards ?? 1 })
  const concurrency = Math.ceil(options.concurrency / shards.length)
  const workers = shards.map(createWorker)
  const floor = createFloor({
    pause: async () => void (await Promise.all(workers.map((worker) => worker.pause(true)))),
    resume: () => workers.forEach((worker) => void worker.resume()),
  })
  const forgetting = forgetWhenIdle({ client, shards, logger, checkIntervalMs: options.idleCheckIntervalMs })
  const stopKeepingPace = keepPace({ workers, client, concurrency, lockDurationMs })
  let stalled = 0

  function createWorker({ queue }: Shard): Worker {
    const worker = new Worker(
      queue.name,
      process,
      {
        connection: client,
        prefix: queue.opts.prefix!,
        concurrency,
        lockDuration: lockDurationMs,
        stalledInterval: stalledIntervalMs,
        maxStalledCount: Number.MAX_SAFE_INTEGER,
        // The ledger is the record of what was done; failed jobs are kept, there should be none.
        removeOnComplete: { count: 0 },
        // How soon a finished job is reported again when Redis was away.
        runRetryDelay: 500,
        settings: { backoffStrategy: (attemptsMade) => retryDelayMs(attemptsMade - 1) },
        skipVersionCheck: true,
      },
      createInterruptibleBackend,
    )
    worker.on('error', onQueueError)
    worker.on('stalled', onStalled)
    worker.on('completed', () => forgetting.batchDone())
    return worker
  }

  /** Told of one by one, all that a worker has left behind at the same check. */
  function onStalled(): void {
    if (stalled++ > 0) return
    setImmediate(() => {
      logger.warn({ batches: stalled }, 'batches stalled: their worker did not answer')
      stalled = 0
    })
  }

  /** BullMQ asks again at once when Redis refuses a command, out of memory for example: not for as long as it does. */
  function onQueueError(error: Error): void {
    if (floor.state !== 'open' || client.status !== 'ready' || isConnectionLoss(error)) return
    logger.warn({ err: error }, 'the queue refuses: asking again later')
    void floor.rest()
  }

  async function process(job: Job, token: string | undefined): Promise<void> {
    try {
      if (job.stalledCounter > 0) await floor.runAlone(() => settleSuspect(job))
      // Other workers may take it meanwhile.
      else if (floor.state === 'alone') await handBack(job, token)
      else await floor.runBeside(() => settle(job))
    } catch (error) {
      if (error instanceof WaitingError || error instanceof UnrecoverableError) throw error
      if (floor.state === 'closed') return await handBack(job, token)
      if (error instanceof UnknownPayloadError && error.code === 'not_a_batch') {
        logger.error({ jobId: job.id, reason: error.message }, 'a foreign job is set aside as failed')
        throw new UnrecoverableError(error.message)
      }
      logger.warn({ jobId: job.id, err: error }, 'a batch met a fault and will be retried')
      throw error
    }
  }

  async function settleSuspect(job: Job): Promise<void> {
    logger.info({ jobId: job.id, stalls: job.stalledCounter }, 'running a batch that stalled before alone')
    await settle(job)
  }

  async function settle(job: Job): Promise<void> {
    if ((await handle(inHand(job))) === 'done') return
    logger.error({ jobId: job.id }, 'a batch could not be read: accounted for, and set aside as failed')
    throw new UnrecoverableError('the batch could not be read back')
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

/** @throws UnknownPayloadError */
function inHand(job: Job): BatchInHand {
  return {
    ...openBatch(job.data),
    stalledBefore: job.stalledCounter > 0,
    // BullMQ's progress, which it begins with 0.
    trail: job.progress === 0 ? undefined : job.progress,
    saveTrail: (trail) => job.updateProgress(trail),
  }
}

/** The blocking connection can be lost a moment before our own; {@link connectRedis} tells of it. */
function isConnectionLoss(error: NodeJS.ErrnoException): boolean {
  return typeof error.code === 'string' || !isNotConnectionError(error)
}

/** Puts a job back to the head of the queue; it costs no attempt. */
async function handBack(job: Job, token: string | undefined): Promise<never> {
  await job.moveToWait(token)
  throw new WaitingError()
}
