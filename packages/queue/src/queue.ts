import { Queue } from 'bullmq'
import type { Redis } from 'ioredis'

/** The one queue of the pipeline; its keys are `<prefix>:batches:*`. */
export const queueName = 'batches'

/** BullMQ's name for the jobs; there is one kind. */
export const jobName = 'batch'

/** Opens the queue on a client of ours, without commands that would wait for Redis to be there. */
export function openQueue(client: Redis, prefix: string): Queue {
  const queue = new Queue(queueName, {
    connection: client,
    prefix,
    skipWaitingForReady: true,
    // With the version check, a Redis that is away at start would fail every later add as well.
    skipVersionCheck: true,
    skipMetasUpdate: true,
    defaultJobOptions: {
      // A fault is retried without end; only data is ever rejected, and by the pipeline, not by the queue.
      attempts: 2 ** 31 - 1,
      backoff: { type: 'custom' },
      stackTraceLimit: 1,
    },
  })
  // It repeats the client's errors, which connectRedis logs; unheard, BullMQ would print them to the console.
  queue.on('error', () => undefined)
  return queue
}
