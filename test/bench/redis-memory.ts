import { until } from '@vss-pipeline/local-stack'
import type { Redis } from 'ioredis'
import { parseInfo } from '../../packages/queue/src/info.ts'

/** @returns the bytes that each of `count` events adds to the memory of Redis by `enqueue`. */
export async function usedBytesPer(
  redis: Redis,
  count: number,
  enqueue: () => Promise<void>,
): Promise<number> {
  const before = await settledMemory(redis)
  await enqueue()
  return ((await settledMemory(redis)) - before) / count
}

/** Waits until the used memory stands still, because the buffers of connections and of the append-only file shrink. */
async function settledMemory(redis: Redis): Promise<number> {
  let last = -1
  return await until(
    'A settling of the memory of Redis',
    async () => {
      const used = Number(parseInfo(await redis.info('memory')).get('used_memory'))
      const settled = Math.abs(used - last) < 1_000
      last = used
      return settled ? used : undefined
    },
    { timeoutMs: 30_000, pollMs: 200 },
  )
}
