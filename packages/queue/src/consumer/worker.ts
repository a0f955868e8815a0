import { createBackoff } from '@vss-pipeline/runtime'
import { type Job, Worker } from 'bullmq'
import type { RedisClient } from '../connection.ts'
import { createInterruptibleBackend } from '../interruptible-backend.ts'
import type { Shard } from '../topology.ts'

const retryDelayMs = createBackoff({ firstMs: 400, longestMs: 30_000 })

/** Opens BullMQ's worker of one queue. It takes jobs at once, and gives each to `processJob`. */
export function openWorker(deps: {
  client: RedisClient
  shard: Shard
  processJob: (job: Job, token: string | undefined) => Promise<void>
  concurrency: number
  lockDurationMs: number
  stalledIntervalMs: number
}): Worker {
  const { client, shard, processJob, concurrency, lockDurationMs, stalledIntervalMs } = deps
  return new Worker(
    shard.queue.name,
    processJob,
    {
      connection: client,
      prefix: shard.queue.opts.prefix!,
      concurrency,
      lockDuration: lockDurationMs,
      stalledInterval: stalledIntervalMs,
      maxStalledCount: Number.MAX_SAFE_INTEGER,
      // The ledger records the deliveries of finished jobs. Failed jobs are kept, for an operator to see.
      removeOnComplete: { count: 0 },
      // A finished job whose report Redis did not take is reported again after this long.
      runRetryDelay: 500,
      settings: { backoffStrategy: (attemptsMade) => retryDelayMs(attemptsMade - 1) },
      skipVersionCheck: true,
    },
    createInterruptibleBackend,
  )
}

/** Makes the function that takes the stalls of all workers: it logs one line for all that one check has found. */
export function createStallLog(logger: { warn(fields: object, message: string): void }): () => void {
  let stalled = 0
  return function logStall() {
    if (stalled++ > 0) return
    setImmediate(() => {
      logger.warn({ batches: stalled }, 'batches stalled: their worker did not answer')
      stalled = 0
    })
  }
}
