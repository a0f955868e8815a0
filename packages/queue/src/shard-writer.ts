import { setTimeout as delay } from 'node:timers/promises'
import { createBackoff, withinMs } from '@vss-pipeline/runtime'
import { createTeller, type Logger } from '@vss-pipeline/runtime/service'
import type { RedisClient } from './connection.ts'
import { inOneWrite, isReachable, primaryIsAway, primaryOf } from './nodes.ts'
import { awaitReplicas } from './replicas.ts'
import { nameBatch } from './status.ts'
import type { Shard } from './topology.ts'
import { noteOpenBatch } from './watermark/open-batches.ts'

/** A batch on its way into a shard. It goes to the next one byte for byte, under the same id. */
export interface Batch {
  readonly id: string
  readonly payload: object
  readonly deliveries: number
  readonly oldestMs: number
}

/** Adds batches to one shard, and knows whether it takes them. */
export interface ShardWriter {
  readonly shard: Shard
  /** False from a failed try until a probe succeeds. True for the only shard: there batches are tried in any case. */
  readonly isTaking: boolean
  /** Resolves when the batch is durable there. @throws when it is not in time; the shard may have it all the same. */
  write(batch: Batch): Promise<void>
  /** Writes to Redis, to see whether the shard takes batches. @throws an error that says why it does not. */
  probe(): Promise<void>
  /** Lets it take batches from its first successful probe on. It has to be registered by now. */
  start(): void
  close(): void
}

const nearlyFull = 'Redis is 85 % full: the rest is kept for workers'
const probeLifetimeMs = 1_000
const probeDelayMs = createBackoff({ firstMs: 50, longestMs: 500 })

/**
 * @param deps.isOnly there is no other shard that a batch could go to.
 * @param deps.tryTimeoutMs A try takes no longer than this, where the batch can go on to another shard.
 */
export function createShardWriter(deps: {
  client: RedisClient
  shard: Shard
  logger: Logger
  isOnly: boolean
  tryTimeoutMs: number
  waitReplicas: number
  isNearlyFull: () => boolean
}): ShardWriter {
  const { client, shard, logger, isOnly, tryTimeoutMs, waitReplicas, isNearlyFull } = deps
  const told = createTeller<'refusing'>(logger)
  const fields = isOnly ? {} : { shard: shard.index }
  const probeKey = shard.queue.toKey('probe')
  const waiting = { count: waitReplicas, timeoutMs: Math.ceil(tryTimeoutMs / 2) }
  const stop = new AbortController()
  let state: 'new' | 'taking' | 'refusing' = isOnly ? 'taking' : 'new'

  async function add({ id, payload, deliveries, oldestMs }: Batch): Promise<void> {
    const key = shard.queue.toKey(id)
    if (!isReachable(client, key)) throw new Error(primaryIsAway)
    if (isNearlyFull()) throw new Error(nearlyFull)
    const primary = primaryOf(client, key)
    // A batch on too few replicas comes again from its sender. Redis must not add it at each try.
    if (state === 'refusing') await awaitReplicas(client, { key, primary, ...waiting })
    await inOneWrite(client, key, () =>
      Promise.all([
        // Redis gets it first, so that no reader sees the batch closed before it was open.
        noteOpenBatch(client, shard, { id, oldestMs }),
        shard.queue.add(nameBatch(deliveries), payload, { jobId: id, timestamp: oldestMs }),
      ]),
    )
    await awaitReplicas(client, { key, primary, ...waiting })
  }

  async function probe(): Promise<void> {
    if (isNearlyFull()) throw new Error(nearlyFull)
    const primary = primaryOf(client, probeKey)
    await client.set(probeKey, '', 'PX', probeLifetimeMs)
    await awaitReplicas(client, { key: probeKey, primary, ...waiting })
  }

  /** Probes until Redis takes the probe. There is one such loop while other shards take the batches. */
  async function probeUntilTaking(): Promise<void> {
    for (let failures = 0; state !== 'taking' && !stop.signal.aborted; failures++) {
      try {
        await inTime(probe())
        taking()
      } catch (error) {
        refusing(error as Error)
        await delay(probeDelayMs(failures), undefined, { signal: stop.signal, ref: false }).catch(
          () => undefined,
        )
      }
    }
  }

  function inTime(work: Promise<void>): Promise<void> {
    return isOnly ? work : withinMs(work, tryTimeoutMs, `no answer within ${tryTimeoutMs} ms`)
  }

  function taking(): void {
    state = 'taking'
    told.over('refusing', 'Redis takes batches again', fields)
  }

  /** The reason alone is logged, because the error carries the command's arguments, which are the batch. */
  function refusing({ message: reason }: Error): void {
    state = 'refusing'
    // The loss of the only connection is logged where it is lost.
    if (isOnly && !isReachable(client, probeKey)) return
    told.once('refusing', 'warn', 'Redis does not take batches', { ...fields, reason })
  }

  return {
    shard,
    get isTaking() {
      return isOnly || state === 'taking'
    },
    async write(batch) {
      try {
        await inTime(add(batch))
        if (isOnly) taking()
      } catch (error) {
        const isFirst = state === 'taking'
        refusing(error as Error)
        if (isFirst && !isOnly) void probeUntilTaking()
        throw error
      }
    },
    probe,
    start() {
      if (state === 'new') void probeUntilTaking()
    },
    close: () => stop.abort(),
  }
}
