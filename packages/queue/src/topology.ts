import { Queue } from 'bullmq'
import type { RedisClient } from './connection.ts'
import { requireHashTag } from './nodes.ts'

/** The name of every queue. The shards differ by the prefix of their keys. */
const queueName = 'batches'

/** One of the queues. A batch is in one of them, and workers drain them all. */
export interface Shard {
  /** From 0; shard 0 is the only one unless `QUEUE_SHARDS` says otherwise. */
  readonly index: number
  readonly queue: Queue
}

/**
 * Opens the queues on a client. It sends no command, so that Redis may be away.
 *
 * @param options.shards the number of queues, 1 or more.
 */
export function openShards(
  client: RedisClient,
  options: { prefix: string; shards: number },
): readonly Shard[] {
  const { prefix, shards } = options
  requireHashTag(client, prefix)
  return Array.from({ length: shards }, (_, index) => ({
    index,
    queue: openQueue(client, shardPrefix(prefix, index)),
  }))
}

/**
 * Finds the shard of a batch by its id, so that a batch that is sent again goes to the same queue. The spread is even,
 * because a UUIDv7 ends in random digits.
 */
export function shardOf(shards: readonly Shard[], batchId: string): Shard {
  return shards[Number.parseInt(batchId.slice(-4), 16) % shards.length]!
}

/**
 * Makes the prefix of a shard's keys. Shard 0 has the setting itself, so that its batches are still found when shards are
 * added. The others differ in braces, the part that Redis Cluster hashes, so that they spread over its nodes: `{vss}`,
 * `{vss:1}`, `{vss:2}`.
 */
function shardPrefix(prefix: string, index: number): string {
  if (index === 0) return prefix
  return /\{[^}]+\}/.test(prefix) ? prefix.replace('}', `:${index}}`) : `${prefix}:${index}`
}

function openQueue(client: RedisClient, prefix: string): Queue {
  const queue = new Queue(queueName, {
    connection: client,
    prefix,
    skipWaitingForReady: true,
    // With the version check, a Redis that is away at start would fail every later add as well.
    skipVersionCheck: true,
    skipMetasUpdate: true,
    defaultJobOptions: {
      // A fault is retried without end. Only bad data is rejected, by the pipeline, never by the queue.
      attempts: 2 ** 31 - 1,
      backoff: { type: 'custom' },
      stackTraceLimit: 1,
    },
  })
  // The queue repeats the client's errors, which connectRedis logs. Without a listener, BullMQ prints them to the console.
  queue.on('error', () => undefined)
  return queue
}
