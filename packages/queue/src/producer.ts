import { createRandomBytes, type Delivery } from '@vss-pipeline/delivery'
import { operations, runOperation } from '@vss-pipeline/runtime'
import { createTeller, type Logger } from '@vss-pipeline/runtime/service'
import { v7 as uuidv7 } from 'uuid'
import { encodeBatch } from './codec.ts'
import { awaitConnection, connectRedis, disconnectRedis, type RedisClient } from './connection.ts'
import { warnOfDurabilityProblems } from './durability.ts'
import { inOneWrite, isReachable, primaryOf } from './nodes.ts'
import { awaitReplicas } from './replicas.ts'
import { nameBatch } from './status.ts'
import { openShards, type Shard, shardOf } from './topology.ts'
import { watchQueue } from './watch.ts'
import { noteOpenBatch } from './watermark/open-batches.ts'

/** Redis did not take a batch: it is away, out of memory, read-only or too slow. It may have the batch all the same. */
export class QueueUnavailableError extends Error {
  readonly code = 'queue_unavailable'
  override readonly name = 'QueueUnavailableError'
}

export interface Producer {
  /**
   * Makes one batch durable. Resolves when Redis has it on disk (`appendfsync always`), and so have `waitReplicas` replicas.
   *
   * @param batchId is the id of an earlier try with the same deliveries: Redis does not add an id that it has. Other
   *   deliveries need another id, since Redis would keep the first payload. A new id by default.
   * @throws QueueUnavailableError within two command timeouts, or at once while there is no connection.
   */
  enqueue(deliveries: readonly Delivery[], batchId?: string): Promise<void>
  /** Writes to Redis, to see whether it takes batches. @throws an error that says why it does not. */
  probe(): Promise<void>
  /**
   * Resolves when there is a connection to Redis, or to each primary of a cluster; when that fails; or after `timeoutMs`,
   * whichever is first.
   */
  awaitConnection(timeoutMs: number): Promise<void>
  /** Whether many batches wait for workers already, so that a new one may wait a moment without harm. */
  readonly isBacklogged: boolean
  /** For status and metrics. */
  readonly shards: readonly Shard[]
  readonly client: RedisClient
  close(): Promise<void>
}

const nearlyFull = 'Redis is 85 % full: the rest is kept for workers'
const probeLifetimeMs = 1_000

function oldestReceipt(deliveries: readonly Delivery[]): number {
  return deliveries.reduce((oldest, { receivedAtMs }) => Math.min(oldest, receivedAtMs), Date.now())
}

/**
 * Opens the side of the queue that adds batches. It fails instead of waiting while Redis is away, at start too.
 *
 * @param options.commandTimeoutMs is the time for one command.
 * @param options.waitReplicas is the number of replicas that must have a batch before it counts as durable.
 */
export function createProducer(options: {
  redisUrl: string
  prefix: string
  /** The number of queues; 1 by default. */
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
      // A peer that hangs keeps its connection open. Without data for this long, the client opens another one.
      socketTimeout: 2 * commandTimeoutMs + 1_000,
      // Short, to notice soon that a name has another address now. Long enough to try two addresses.
      connectTimeout: 2_000,
    },
  })
  warnOfDurabilityProblems(client, logger)
  const shards = openShards(client, { prefix, shards: options.shards ?? 1 })
  const watch = watchQueue(client, shards)
  const nextRandom = createRandomBytes()
  const told = createTeller<'refusing'>(logger)
  let isRefusing = false

  const waiting = { count: waitReplicas, timeoutMs: commandTimeoutMs / 2 }

  async function add(deliveries: readonly Delivery[], batchId: string): Promise<void> {
    const shard = shardOf(shards, batchId)
    const key = shard.queue.toKey(batchId)
    if (!isReachable(client, key)) throw new QueueUnavailableError('there is no connection to Redis')
    const primary = primaryOf(client, key)
    const payload = encodeBatch(deliveries)
    try {
      if (watch.isNearlyFull(shard)) throw new Error(nearlyFull)
      // A batch on too few replicas comes again from its sender. Redis must not add it at each try.
      if (isRefusing) await awaitReplicas(client, { key, primary, ...waiting })
      const oldestMs = oldestReceipt(deliveries)
      await inOneWrite(client, key, () =>
        Promise.all([
          // Redis gets it first, so that no reader sees the batch closed before it was open.
          noteOpenBatch(client, shard, { id: batchId, oldestMs }),
          shard.queue.add(nameBatch(deliveries.length), payload, { jobId: batchId, timestamp: oldestMs }),
        ]),
      )
      await awaitReplicas(client, { key, primary, ...waiting })
      told.over('refusing', 'Redis takes batches again')
      isRefusing = false
    } catch (error) {
      // The reason alone, because the error carries the command's arguments, which are the batch.
      told.once('refusing', 'warn', 'Redis does not take batches', { reason: (error as Error).message })
      isRefusing = true
      throw new QueueUnavailableError('Redis did not take the batch', { cause: error })
    }
  }

  return {
    shards,
    client,
    get isBacklogged() {
      return watch.isBacklogged
    },
    enqueue(deliveries, batchId = uuidv7({ random: nextRandom() })) {
      return runOperation(
        operations.send,
        (startedMs) => ({
          startedMs,
          batchId,
          queue: shardOf(shards, batchId).queue.qualifiedName,
          deliveries,
        }),
        () => add(deliveries, batchId),
      )
    },
    async probe() {
      if (watch.isNearlyFull(shards[0]!)) throw new Error(nearlyFull)
      const key = `${prefix}:probe`
      const primary = primaryOf(client, key)
      await client.set(key, '', 'PX', probeLifetimeMs)
      await awaitReplicas(client, { key, primary, ...waiting })
    },
    awaitConnection: (timeoutMs) => awaitConnection(client, timeoutMs),
    async close() {
      watch.stop()
      await Promise.all(shards.map(({ queue }) => queue.close()))
      await disconnectRedis(client)
    },
  }
}
