import { repeatEvery } from '@vss-pipeline/runtime'
import type { Redis } from 'ioredis'
import { parseInfo } from './info.ts'
import type { Shard } from './topology.ts'

/** Of `maxmemory`. What is left above belongs to the workers: without it a full Redis cannot be drained either. */
const fullShare = 0.85
/** More batches than workers that keep up ever leave waiting. */
const backlogBatches = 50
const intervalMs = 200

/** How things stood when Redis was last asked, a moment ago. */
export interface QueueWatch {
  readonly isNearlyFull: boolean
  /** Whether what is enqueued now will wait for what is there already. */
  readonly isBacklogged: boolean
  stop(): void
}

/**
 * Watches how much memory Redis has left, and whether the workers keep up. Under `noeviction` Redis refuses every
 * write once `maxmemory` is reached, those by which workers take and finish batches included: nothing would ever
 * leave it again.
 */
export function watchQueue(client: Redis, shards: readonly Shard[]): QueueWatch {
  let isNearlyFull = false
  let isBacklogged = false

  async function look(): Promise<void> {
    if (client.status !== 'ready') return
    const [memory, waiting] = await Promise.all([
      client.info('memory').catch(() => null),
      countWaiting().catch(() => null),
    ])
    // What is not answered is taken to be as it was.
    if (memory !== null) {
      const info = parseInfo(memory)
      const used = Number(info.get('used_memory') ?? 0)
      const limit = Number(info.get('maxmemory') ?? 0)
      isNearlyFull = limit > 0 && used > fullShare * limit
    }
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
