import { repeatEvery } from '@vss-pipeline/runtime'
import type { Redis } from 'ioredis'
import { readMemoryShare } from './memory.ts'
import type { Shard } from './topology.ts'

/** The share of `maxmemory` from which Redis counts as nearly full. Workers need the rest to drain it. */
export const fullShare = 0.85
/** From this number of waiting batches on, the workers do not keep up. */
const backlogBatches = 50
const intervalMs = 200

/** The state of Redis at the last look, a moment ago. */
export interface QueueWatch {
  readonly isNearlyFull: boolean
  /** Whether a batch that is enqueued now will wait for others. */
  readonly isBacklogged: boolean
  stop(): void
}

/**
 * Watches how much memory Redis has left, and whether the workers keep up. Under `noeviction` Redis refuses every
 * write once `maxmemory` is reached. It refuses the writes by which workers take and finish batches as well, so that
 * no batch would ever leave it.
 */
export function watchQueue(client: Redis, shards: readonly Shard[]): QueueWatch {
  let isNearlyFull = false
  let isBacklogged = false

  async function look(): Promise<void> {
    if (client.status !== 'ready') return
    const [memoryShare, waiting] = await Promise.all([
      readMemoryShare(client).catch(() => null),
      countWaiting().catch(() => null),
    ])
    // A question without an answer leaves the state as it was.
    if (memoryShare !== null) isNearlyFull = memoryShare > fullShare
    if (waiting !== null) isBacklogged = waiting >= backlogBatches
  }
  async function countWaiting(): Promise<number> {
    const counts = await Promise.all(shards.map(({ queue }) => client.llen(queue.toKey('wait'))))
    return counts.reduce((sum, count) => sum + count, 0)
  }

  const stop = repeatEvery(intervalMs, look)
  client.on('ready', look)

  return {
    get isNearlyFull() {
      return isNearlyFull
    },
    get isBacklogged() {
      return isBacklogged
    },
    stop,
  }
}
