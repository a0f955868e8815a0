import { setTimeout as delay } from 'node:timers/promises'
import { createRandomBytes, type Delivery } from '@vss-pipeline/delivery'
import { operations, repeatEvery, runOperation, type SendOperation } from '@vss-pipeline/runtime'
import type { Logger } from '@vss-pipeline/runtime/service'
import { v7 as uuidv7 } from 'uuid'
import { encodeBatch } from './codec.ts'
import { awaitConnection, connectRedis, disconnectRedis, type RedisClient } from './connection.ts'
import { warnOfDurabilityProblems } from './durability.ts'
import { onPrimaryReady } from './nodes.ts'
import { registerShards } from './registry.ts'
import { createShardWriter, type ShardWriter } from './shard-writer.ts'
import { openTopology, type Shard, type Topology } from './topology.ts'
import { watchQueue } from './watch.ts'

/** Redis did not take a batch: it is away, out of memory, read-only or too slow. It may have the batch all the same. */
export class QueueUnavailableError extends Error {
  readonly code = 'queue_unavailable'
  override readonly name = 'QueueUnavailableError'
}

export interface Producer {
  /**
   * Makes one batch durable in one of the shards. Resolves when Redis has it on disk (`appendfsync always`), and so have
   * `waitReplicas` replicas.
   *
   * @param batchId is the id of an earlier try with the same deliveries: Redis does not add an id that it has. Other
   *   deliveries need another id, since Redis would keep the first payload. A new id by default.
   * @throws QueueUnavailableError within two command timeouts, or at once while there is no connection.
   */
  enqueue(deliveries: readonly Delivery[], batchId?: string): Promise<void>
  /** Writes to Redis, to see whether any shard takes batches. @throws an error that says why none does. */
  probe(): Promise<void>
  /** Resolves when Redis takes batches as far as is known, when that fails, or after `timeoutMs`, whichever is first. */
  awaitConnection(timeoutMs: number): Promise<void>
  /** Whether many batches wait for workers already, so that a new one may wait a moment without harm. */
  readonly isBacklogged: boolean
  /** The shards that it fills. */
  readonly shards: readonly Shard[]
  /** For status and metrics. */
  readonly topology: Topology
  readonly client: RedisClient
  close(): Promise<void>
}

/** A Redis that has lost its data forgets the registry as well. */
const registerIntervalMs = 1_000
/** So many shards are tried within the time for one batch. */
const triesInTime = 3
const pollMs = 10

function oldestReceipt(deliveries: readonly Delivery[]): number {
  return deliveries.reduce((oldest, { receivedAtMs }) => Math.min(oldest, receivedAtMs), Date.now())
}

/**
 * Opens the side of the queue that adds batches. It fails instead of waiting while Redis is away, at start too.
 *
 * With several shards a batch goes on to the next one where one does not take it within a third of the time. That one is
 * then passed over until a probe of its own succeeds.
 *
 * @param options.shards the number of queues that it fills, 1 by default. They are registered before.
 * @param options.commandTimeoutMs is the time for one command, and with several shards for one batch.
 * @param options.waitReplicas is the number of replicas that must have a batch before it counts as durable.
 */
export function createProducer(options: {
  redisUrl: string
  prefix: string
  shards?: number
  logger: Logger
  commandTimeoutMs: number
  waitReplicas?: number
}): Producer {
  const { redisUrl, prefix, shards: count = 1, logger, commandTimeoutMs, waitReplicas = 0 } = options
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
  const topology = openTopology({ client, prefix, shards: count })
  const shards = topology.shards.slice(0, count)
  const watch = watchQueue(client, shards)
  const nextRandom = createRandomBytes()
  const isOnly = count === 1
  const writers = shards.map((shard) =>
    createShardWriter({
      client,
      shard,
      logger,
      isOnly,
      tryTimeoutMs: isOnly ? commandTimeoutMs : Math.ceil(commandTimeoutMs / triesInTime),
      waitReplicas,
      isNearlyFull: () => watch.isNearlyFull(shard),
    }),
  )
  const stopRegistering = isOnly ? () => undefined : keepRegistered()

  /** The first shard needs no registration. Others take no batch before they are registered. */
  function keepRegistered(): () => void {
    async function register(): Promise<void> {
      if (client.status !== 'ready') return
      try {
        await registerShards(client, prefix, count)
        for (const writer of writers) writer.start()
      } catch (error) {
        logger.debug({ err: error }, 'the shards are not registered yet')
      }
    }
    onPrimaryReady(client, register)
    return repeatEvery(registerIntervalMs, register)
  }

  async function add(
    deliveries: readonly Delivery[],
    batchId: string,
    operation?: SendOperation,
  ): Promise<void> {
    if (client.status !== 'ready') throw new QueueUnavailableError('there is no connection to Redis')
    const payload = encodeBatch(deliveries)
    const batch = { id: batchId, payload, deliveries: deliveries.length, oldestMs: oldestReceipt(deliveries) }
    const endsAtMs = performance.now() + commandTimeoutMs
    let cause: unknown = new Error('no shard takes batches')
    for (const writer of takersOf(writers, batchId)) {
      if (operation !== undefined) operation.queue = writer.shard.queue.qualifiedName
      try {
        return await writer.write(batch)
      } catch (error) {
        cause = error
        if (performance.now() >= endsAtMs) break
      }
    }
    throw new QueueUnavailableError('Redis did not take the batch', { cause })
  }

  return {
    shards,
    topology,
    client,
    get isBacklogged() {
      return watch.isBacklogged
    },
    enqueue(deliveries, batchId = uuidv7({ random: nextRandom() })) {
      return runOperation(
        operations.send,
        (startedMs) => ({ startedMs, batchId, queue: shards[0]!.queue.qualifiedName, deliveries }),
        (operation) => add(deliveries, batchId, operation),
      )
    },
    async probe() {
      await Promise.any(writers.map((writer) => writer.probe())).catch(({ errors }: AggregateError) => {
        throw errors[0]
      })
    },
    async awaitConnection(timeoutMs) {
      const endsAtMs = performance.now() + timeoutMs
      await awaitConnection(client, timeoutMs)
      const isUndecided = () => client.status === 'ready' && !writers.some(({ isTaking }) => isTaking)
      while (isUndecided() && performance.now() < endsAtMs) await delay(pollMs)
    },
    async close() {
      watch.stop()
      stopRegistering()
      for (const writer of writers) writer.close()
      await topology.close()
      await disconnectRedis(client)
    },
  }
}

/**
 * The shards to which a batch may go, in the order of the tries. It begins at a shard that follows from its id, so that a
 * batch that is sent again goes to the same queue. The spread is even, because a UUIDv7 ends in random digits.
 */
function takersOf(writers: readonly ShardWriter[], batchId: string): readonly ShardWriter[] {
  const first = Number.parseInt(batchId.slice(-4), 16) % writers.length
  return [...writers.slice(first), ...writers.slice(0, first)].filter(({ isTaking }) => isTaking)
}
