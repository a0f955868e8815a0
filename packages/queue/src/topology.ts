import { Queue } from 'bullmq'
import type { RedisClient } from './connection.ts'
import { hashTags, mostShards } from './hash-tags.ts'
import { requireHashTag } from './nodes.ts'
import { readRegistered } from './registry.ts'

/** The name of every queue. The shards differ by the prefix of their keys. */
const queueName = 'batches'

/** One of the queues. A batch is in one of them, and workers drain them all. */
export interface Shard {
  /** From 0; shard 0 is the only one unless `QUEUE_SHARDS` says otherwise. */
  readonly index: number
  readonly queue: Queue
}

/** The shards under one prefix that a process knows of. They become more, never fewer. */
export interface Topology {
  readonly client: RedisClient
  readonly prefix: string
  readonly shards: readonly Shard[]
  /**
   * Adds the shards that are registered by now.
   *
   * @param atLeast a number of shards that is known otherwise.
   * @throws the error of ioredis
   */
  update(atLeast?: number): Promise<readonly Shard[]>
  close(): Promise<void>
}

/**
 * Opens the queues on a client. It sends no command, so that Redis may be away.
 *
 * @param options.shards the number of queues that are known without asking, 1 by default.
 */
export function openTopology(options: { client: RedisClient; prefix: string; shards?: number }): Topology {
  const { client, prefix } = options
  requireHashTag(client, prefix)
  const shards: Shard[] = []

  function openUpTo(count: number): void {
    for (let index = shards.length; index < count; index++) {
      shards.push({ index, queue: openQueue(client, shardPrefix(prefix, index)) })
    }
  }

  openUpTo(options.shards ?? 1)
  return {
    client,
    prefix,
    shards,
    async update(atLeast = 1) {
      openUpTo(Math.max(await readRegistered(client, prefix), Math.min(atLeast, mostShards)))
      return shards
    },
    async close() {
      await Promise.all(shards.map(({ queue }) => queue.close()))
    },
  }
}

/**
 * Makes the prefix of a shard's keys. Shard 0 has the setting itself, so that its batches are still found when shards are
 * added. The others have a tag in braces, the part that Redis Cluster hashes: `{vss}`, `vss{1p}`, `vss{2fu}`.
 */
export function shardPrefix(prefix: string, index: number): string {
  return index === 0 ? prefix : `${prefix.replace(/[{}]/g, '')}{${hashTags[index - 1]}}`
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
