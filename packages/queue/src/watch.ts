import { repeatEvery } from '@vss-pipeline/runtime'
import type { Redis } from 'ioredis'
import type { RedisClient } from './connection.ts'
import { readMemoryShare } from './memory.ts'
import { onPrimaryReady, primaries, primaryOf } from './nodes.ts'
import type { Shard } from './topology.ts'

/** The share of `maxmemory` from which Redis counts as nearly full. Workers need the rest to drain it. */
export const fullShare = 0.85
/** From this number of waiting batches on, the workers do not keep up. */
const backlogBatches = 50
const intervalMs = 200

/** The state of Redis at the last look, a moment ago. */
export interface QueueWatch {
  /** Whether the primary of a shard is. The other primaries of a cluster may still take batches. */
  isNearlyFull(shard: Shard): boolean
  /** Whether a batch that is enqueued now will wait for others. */
  readonly isBacklogged: boolean
  stop(): void
}

/**
 * Watches how much memory Redis has left, and whether the workers keep up. Under `noeviction` Redis refuses every
 * write once `maxmemory` is reached. It refuses the writes by which workers take and finish batches as well, so that
 * no batch would ever leave it.
 */
export function watchQueue(client: RedisClient, shards: readonly Shard[]): QueueWatch {
  /** A question without an answer leaves its entry as it was. */
  const memoryShares = new WeakMap<Redis, number>()
  const waitingBatches = new Map<Shard, number>()

  async function look(): Promise<void> {
    const questions = [...primaries(client).map(lookAtMemory), ...shards.map(countWaiting)]
    await Promise.all(questions.map((question) => question.catch(() => undefined)))
  }
  async function lookAtMemory(primary: Redis): Promise<void> {
    if (primary.status === 'ready') memoryShares.set(primary, await readMemoryShare(primary))
  }
  async function countWaiting(shard: Shard): Promise<void> {
    if (client.status === 'ready') waitingBatches.set(shard, await client.llen(shard.queue.toKey('wait')))
  }

  const stop = repeatEvery(intervalMs, look)
  onPrimaryReady(client, look)

  return {
    isNearlyFull({ queue }) {
      const primary = primaryOf(client, queue.qualifiedName)
      return primary !== undefined && (memoryShares.get(primary) ?? 0) > fullShare
    },
    get isBacklogged() {
      return [...waitingBatches.values()].reduce((sum, count) => sum + count, 0) >= backlogBatches
    },
    stop,
  }
}
