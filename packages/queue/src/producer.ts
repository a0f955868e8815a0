import { once } from 'node:events'
import { createRandomBytes, type Delivery } from '@vss-pipeline/delivery'
import { createTeller, type Logger } from '@vss-pipeline/runtime/service'
import type { Redis } from 'ioredis'
import { v7 as uuidv7 } from 'uuid'
import { encodeBatch } from './codec.ts'
import { connectRedis, disconnectRedis } from './connection.ts'
import { warnOfDurabilityProblems } from './durability.ts'
import { nameBatch } from './status.ts'
import { openShards, type Shard, shardOf } from './topology.ts'
import { watchQueue } from './watch.ts'

/** Redis did not take a batch: unreachable, out of memory, read-only or too slow. It may hold it all the same. */
export class QueueUnavailableError extends Error {
  readonly code = 'queue_unavailable'
  override readonly name = 'QueueUnavailableError'
}

export interface Producer {
  /**
   * Makes one batch durable. Resolves when Redis has it on disk (`appendfsync always`), and replicas where they count.
   *
   * @param batchId Of the same batch at an earlier try: what Redis has all the same is not added again. A batch with
   *   other deliveries takes another id, since the first payload of an id is the one that is kept.
   * @throws QueueUnavailableError within two command timeouts, at once while there is no connection.
   */
  enqueue(deliveries: readonly Delivery[], batchId?: string): Promise<void>
  /** Writes to Redis, to see whether it takes batches. @throws when it does not, and says why. */
  probe(): Promise<void>
  /** Resolves when there is a connection to Redis, when it fails, or after `timeoutMs`: at the first of these. */
  awaitConnection(timeoutMs: number): Promise<void>
  /** Whether so many batches wait for workers that a moment more makes no delivery later. */
  readonly isBacklogged: boolean
  /** For status and metrics. */
  readonly shards: readonly Shard[]
  readonly client: Redis
  close(): Promise<void>
}

const nearlyFull = 'Redis is 85 % full: the rest is kept for workers'
const probeLifetimeMs = 1_000

function oldestReceipt(deliveries: readonly Delivery[]): number {
  return deliveries.reduce((oldest, { receivedAtMs }) => Math.min(oldest, receivedAtMs), Date.now())
}

/**
 * Opens the fail-fast side of the queue. It never waits for Redis: not at start, not in `enqueue`.
 *
 * @param options.commandTimeoutMs How long one add may take.
 * @param options.waitReplicas How many replicas must have a batch before it counts as durable.
 */
export function createProducer(options: {
  redisUrl: string
  prefix: string
  /** How many queues there are; 1 unless given. */
  shards?: number
  logger: Logger
  commandTimeoutMs: number
  waitReplicas?: number
}): Producer {
  const { redisUrl, prefix, logger, commandTimeoutMs, waitReplicas = 0 } = options
  const client = connectRedis({
    redisUrl,
    role: 'producer',
    logger,
    settings: {
      enableOfflineQueue: false,
      maxRetriesPerRequest: 0,
      commandTimeout: commandTimeoutMs,
      // A peer that hangs keeps its connection open: without data for so long, try another one.
      socketTimeout: 2 * commandTimeoutMs + 1_000,
      // Soon enough to notice that a name has another address now, and long enough to try two.
      connectTimeout: 2_000,
    },
  })
  warnOfDurabilityProblems(client, logger)
  const shards = openShards(client, { prefix, shards: options.shards ?? 1 })
  const watch = watchQueue(client, shards)
  const nextRandom = createRandomBytes()
  const told = createTeller<'refusing'>(logger)
  let isRefusing = false

  /**
   * Resolves when so many replicas have what this connection wrote. Without it, what a primary acknowledged and lost
   * before its replica had it is gone with a failover. Redis answers nothing else on the connection meanwhile.
   */
  async function awaitReplicas(): Promise<void> {
    if (waitReplicas === 0) return
    const reached = await client.wait(waitReplicas, commandTimeoutMs / 2)
    if (reached < waitReplicas) throw new Error(`${reached} of ${waitReplicas} replicas have it`)
  }

  return {
    shards,
    client,
    get isBacklogged() {
      return watch.isBacklogged
    },
    async enqueue(deliveries, batchId = uuidv7({ random: nextRandom() })) {
      if (client.status !== 'ready') throw new QueueUnavailableError('there is no connection to Redis')
      const payload = encodeBatch(deliveries)
      try {
        if (watch.isNearlyFull) throw new Error(nearlyFull)
        // What was added and has too few replicas comes again: it is not to be added again and again.
        if (isRefusing) await awaitReplicas()
        await shardOf(shards, batchId).queue.add(nameBatch(deliveries.length), payload, {
          jobId: batchId,
          timestamp: oldestReceipt(deliveries),
        })
        await awaitReplicas()
        told.over('refusing', 'Redis takes batches again')
        isRefusing = false
      } catch (error) {
        // Not the error itself: it carries the command's arguments, and with them the batch.
        told.once('refusing', 'warn', 'Redis does not take batches', { reason: (error as Error).message })
        isRefusing = true
        throw new QueueUnavailableError('Redis did not take the batch', { cause: error })
      }
    },
    async probe() {
      if (watch.isNearlyFull) throw new Error(nearlyFull)
      await client.set(`${prefix}:probe`, '', 'PX', probeLifetimeMs)
      await awaitReplicas()
    },
    async awaitConnection(timeoutMs) {
      if (client.status === 'ready') return
      await once(client, 'ready', { signal: AbortSignal.timeout(timeoutMs) }).catch(() => undefined)
    },
    async close() {
      watch.stop()
      await Promise.all(shards.map(({ queue }) => queue.close()))
      await disconnectRedis(client)
    },
  }
}
