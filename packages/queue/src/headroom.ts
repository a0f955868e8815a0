import type { Redis } from 'ioredis'

/** Of `maxmemory`. What is left above belongs to the workers: without it a full Redis cannot be drained either. */
const fullShare = 0.85
const intervalMs = 200

export interface Headroom {
  /** Whether Redis was nearly out of memory when last asked, a moment ago. */
  readonly isNearlyFull: boolean
  stop(): void
}

/**
 * Watches how much memory Redis has left. Under `noeviction` it refuses every write once `maxmemory` is reached,
 * those by which workers take and finish batches included: nothing would ever leave it again.
 */
export function watchHeadroom(client: Redis): Headroom {
  let isNearlyFull = false

  async function look(): Promise<void> {
    if (client.status !== 'ready') return
    const memory = await client.info('memory').catch(() => '')
    const used = Number(/^used_memory:(\d+)/m.exec(memory)?.[1] ?? 0)
    const limit = Number(/^maxmemory:(\d+)/m.exec(memory)?.[1] ?? 0)
    isNearlyFull = limit > 0 && used > fullShare * limit
  }
  const timer = setInterval(look, intervalMs)
  timer.unref()
  client.on('ready', look)

  return {
    get isNearlyFull() {
      return isNearlyFull
    },
    stop: () => clearInterval(timer),
  }
}
