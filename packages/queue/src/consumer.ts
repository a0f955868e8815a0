import { setTimeout as delay } from 'node:timers/promises'
import { createBackoff } from '@vss-pipeline/runtime'
import type { Logger } from '@vss-pipeline/runtime/service'
import { isNotConnectionError, type Job, type Queue, UnrecoverableError, WaitingError, Worker } from 'bullmq'
import type { Redis } from 'ioredis'
import { openBatch, type PackedBatch, UnknownPayloadError } from './codec.ts'
import { connectRedis, disconnectRedis } from './connection.ts'
import { warnOfDurabilityProblems } from './durability.ts'
import { forgetWhenIdle } from './forgetting.ts'
import { createInterruptibleBackend } from './interruptible-backend.ts'
import { openQueue, queueName } from './queue.ts'

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
  readonly queue: Queue
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
const restMs = 1_000
const paceIntervalMs = 1_000
/** A connection that was lost is back at the first attempts, or Redis is away. */
const patienceMs = 500
/** A slow disk lets Redis pause for a second or two. */
const silenceMs = 3_000
const pollMs = 20
/** Of the lock's time; what is left is for the first renewal. */
const takingShare = 0.25

/**
 * Takes batches off the queue and gives each to `handle`: one that is done is gone, one that is to be set aside is
 * kept as a failed job. A throw is a fault: the job waits (jittered, at most 30 s) and comes again, without end.
 *
 * A batch that stalled before runs alone: everything else in hand finishes first or goes back to the queue, so
 * that if it kills this process too, it takes nothing along. Several such run one after the other.
 */
export function createConsumer(options: {
  redisUrl: string
  prefix: string
  concurrency: number
  logger: Logger
  handle: (batch: BatchInHand) => Promise<BatchEnd>
  /** How long a worker may be silent before its batches are taken from it. */
  lockDurationMs?: number
  /** How often that is looked for. */
  stalledIntervalMs?: number
  /** How often it is looked whether the queue has been empty for long enough to rewrite Redis' file. */
  idleCheckIntervalMs?: number
}): Consumer {
  const {
    redisUrl,
    prefix,
    concurrency,
    logger,
    handle,
    lockDurationMs = defaultLockDurationMs,
    stalledIntervalMs = defaultStalledIntervalMs,
  } = options
  let stopping = false
  const client = connectRedis({
    redisUrl,
    role: 'consumer',
    logger,
    // A peer that hangs keeps its connection open: without data for so long, try another one. By then the batches
    // in hand are lost to others anyway; and 15 s are longer than any blocking read lasts.
    settings: { maxRetriesPerRequest: null, socketTimeout: lockDurationMs + 5_000 },
  })
  warnOfDurabilityProblems(client, logger)

  const worker = new Worker(
    queueName,
    process,
    {
      connection: client,
      prefix,
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
  const queue = openQueue(client, prefix)
  const forgetting = forgetWhenIdle({ client, queue, logger, checkIntervalMs: options.idleCheckIntervalMs })
  worker.on('completed', forgetting.batchDone)
  const stopKeepingPace = keepPace({ worker, client, concurrency, lockDurationMs })

  let running = 0
  let whenNoneRuns: (() => void) | undefined
  /** Batches that stalled before, in hand: they run one after the other, and nothing else does until all have. */
  let suspects: { inHand: number; lastTurn: Promise<void> } | undefined
  let resting = false
  let stalled = 0

  /** Told of one by one, all that a worker has left behind at the same check. */
  function onStalled(): void {
    if (stalled++ > 0) return
    setImmediate(() => {
      logger.warn({ batches: stalled }, 'batches stalled: their worker did not answer')
      stalled = 0
    })
  }

  /** BullMQ asks again at once when Redis refuses a command, out of memory for example: not for as long as it does. */
  async function onQueueError(error: Error): Promise<void> {
    if (resting || suspects || stopping || client.status !== 'ready' || isConnectionLoss(error)) return
    resting = true
    logger.warn({ err: error }, 'the queue refuses: asking again later')
    await worker.pause(true)
    await delay(restMs)
    resting = false
    if (!suspects && !stopping) await worker.resume()
  }

  async function process(job: Job, token: string | undefined): Promise<void> {
    try {
      if (job.stalledCounter > 0) await runAlone(job)
      // Other workers may take it meanwhile.
      else if (suspects) await handBack(job, token)
      else await runBesideOthers(job)
    } catch (error) {
      if (error instanceof WaitingError || error instanceof UnrecoverableError) throw error
      if (stopping) return await handBack(job, token)
      if (error instanceof UnknownPayloadError && error.code === 'not_a_batch') {
        logger.error({ jobId: job.id, reason: error.message }, 'a foreign job is set aside as failed')
        throw new UnrecoverableError(error.message)
      }
      logger.warn({ jobId: job.id, err: error }, 'a batch met a fault and will be retried')
      throw error
    }
  }

  async function runBesideOthers(job: Job): Promise<void> {
    running++
    try {
      await settle(job)
    } finally {
      running--
      if (running === 0) whenNoneRuns?.()
    }
  }

  async function runAlone(job: Job): Promise<void> {
    suspects ??= { inHand: 0, lastTurn: clearFloor() }
    suspects.inHand++
    const turn = suspects.lastTurn.then(async () => {
      if (stopping) throw new Error('told to stop before its turn')
      logger.info({ jobId: job.id, stalls: job.stalledCounter }, 'running a batch that stalled before alone')
      await settle(job)
    })
    suspects.lastTurn = turn.catch(() => undefined)
    try {
      await turn
    } finally {
      suspects.inHand--
      if (suspects.inHand === 0) {
        suspects = undefined
        if (!stopping && !resting) await worker.resume()
      }
    }
  }

  /** Resolves when nothing is running, and nothing new comes. */
  async function clearFloor(): Promise<void> {
    const othersDone = new Promise<void>((resolve) => {
      whenNoneRuns = resolve
    })
    await worker.pause(true)
    if (running > 0) await othersDone
  }

  async function settle(job: Job): Promise<void> {
    if ((await handle(inHand(job))) === 'done') return
    logger.error({ jobId: job.id }, 'a batch could not be read: accounted for, and set aside as failed')
    throw new UnrecoverableError('the batch could not be read back')
  }

  function inHand(job: Job): BatchInHand {
    return {
      ...openBatch(job.data),
      stalledBefore: job.stalledCounter > 0,
      // BullMQ's progress, which it begins with 0.
      trail: job.progress === 0 ? undefined : job.progress,
      saveTrail: (trail) => job.updateProgress(trail),
    }
  }

  return {
    queue,
    client,
    async close() {
      stopping = true
      stopKeepingPace()
      forgetting.stop()
      await closeWorker(worker, client)
    },
  }
}

/**
 * Lets a worker take no more jobs at once than it can while their locks last. BullMQ takes one after the other, each
 * at the cost of a round trip, before it begins with the first; only from then on does it renew their locks. With 64
 * of them and a network of 100 ms each way all would stall, again and again.
 */
function keepPace(options: {
  worker: Worker
  client: Redis
  concurrency: number
  lockDurationMs: number
}): () => void {
  const { worker, client, concurrency, lockDurationMs } = options
  let lastMs = 0
  let isMeasuring = false

  async function measure(): Promise<void> {
    if (isMeasuring || client.status !== 'ready') return
    isMeasuring = true
    const startedAt = performance.now()
    await client.ping().catch(() => undefined)
    const roundTripMs = performance.now() - startedAt
    // One that was long may have waited for a new connection.
    const affordable = (takingShare * lockDurationMs) / Math.min(roundTripMs, lastMs)
    worker.concurrency = Math.max(1, Math.floor(Math.min(concurrency, affordable)))
    lastMs = roundTripMs
    isMeasuring = false
  }
  const timer = setInterval(measure, paceIntervalMs)
  timer.unref()
  return () => clearInterval(timer)
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

async function closeWorker(worker: Worker, client: Redis): Promise<void> {
  const isThere = await isBackSoon(client)
  // Without Redis nothing in hand can be reported; its locks expire and the batches run again elsewhere.
  const closed = worker.close(!isThere)
  const watch = new AbortController()
  await Promise.race([closed, untilAway(client, watch.signal)])
  watch.abort()
  await disconnectRedis(client)
}

async function isBackSoon(client: Redis): Promise<boolean> {
  const startedAt = performance.now()
  while (client.status !== 'ready' && performance.now() - startedAt < patienceMs) await delay(pollMs)
  return client.status === 'ready'
}

/** Resolves when Redis has been away for {@link patienceMs}, or silent for {@link silenceMs}, on end. */
async function untilAway(client: Redis, signal: AbortSignal): Promise<void> {
  const now = () => performance.now()
  let lastReadyAt = now()
  let lastAnswerAt = now()
  let isAsking = false

  async function ask(): Promise<void> {
    if (isAsking) return
    isAsking = true
    await client.ping().then(
      () => (lastAnswerAt = now()),
      () => undefined,
    )
    isAsking = false
  }

  while (!signal.aborted && now() - lastReadyAt < patienceMs && now() - lastAnswerAt < silenceMs) {
    if (client.status === 'ready') {
      lastReadyAt = now()
      void ask()
    }
    await delay(pollMs)
  }
}
