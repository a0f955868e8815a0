import { Queue } from 'bullmq'
import type { Redis } from 'ioredis'

/** The name of every queue; what tells the shards apart is the prefix of their keys. */
const queueName = 'batches'

/** How many shards there may be: each costs a worker a connection. */
export const maxShards = 64

/** One of the queues that batches travel in. A batch is in one of them, whichever; all are drained. */
export interface Shard {
  /** From 0; shard 0 is the only one unless `QUEUE_SHARDS` says otherwise. */
  readonly index: number
  readonly queue: Queue
}

/**
 * Opens the queues on a client of ours, without commands that would wait for Redis to be there.
 *
 * @param options.shards how many there are, 1 to {@link maxShards}
 */
export function openShards(client: Redis, options: { prefix: string; shards: number }): readonly Shard[] {
  const { prefix, shards } = options
  return Array.from({ length: shards }, (_, index) => ({
    index,
    queue: openQueue(client, shardPrefix(prefix, index)),
  }))
}

/**
 * The shard of a batch: the same for the same id, so that a batch that is sent again is recognised; and spread evenly,
 * because a UUIDv7 ends in random digits.
 */
export function shardOf(shards: readonly Shard[], batchId: string): Shard {
  return shards[Number.parseInt(batchId.slice(-4), 16) % shards.length]!
}

/**
 * Shard 0 has the prefix itself, so that batches stay where they are when shards are added. The others change what
 * Redis Cluster hashes, the text in braces, and so spread over its nodes: `{vss}`, `{vss:1}`, `{vss:2}`.
 */
export function shardPrefix(prefix: string, index: number): string {
  if (index === 0) return prefix
  return /\{[^}]+\}/.test(prefix) ? prefix.replace('}', `:${index}}`) : `${prefix}:${index}`
}

function openQueue(client: Redis, prefix: string): Queue {
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
