import { repeatEvery } from '@vss-pipeline/runtime'
import type { Worker } from 'bullmq'
import type { Redis } from 'ioredis'

const intervalMs = 1_000
/** Of the lock's time; what is left is for the first renewal. */
const takingShare = 0.25

/**
 * Lets workers take no more jobs at once than they can while their locks last. BullMQ takes one after the other, each
 * at the cost of a round trip, before it begins with the first; only from then on does it renew their locks. With 64
 * of them and a network of 100 ms each way all would stall, again and again.
 *
 * @param options.concurrency how many jobs each worker may take at most
 * @returns a function that ends it
 */
export function keepPace(options: {
  workers: readonly Worker[]
  client: Redis
  concurrency: number
  lockDurationMs: number
}): () => void {
  const { workers, client, concurrency, lockDurationMs } = options
  let lastMs = 0

  async function measure(): Promise<void> {
    if (client.status !== 'ready') return
    const startedAt = performance.now()
    await client.ping().catch(() => undefined)
    const roundTripMs = performance.now() - startedAt
    // One that was long may have waited for a new connection.
    const affordable = (takingShare * lockDurationMs) / Math.min(roundTripMs, lastMs)
    const allowed = Math.max(1, Math.floor(Math.min(concurrency, affordable)))
    for (const worker of workers) worker.concurrency = allowed
    lastMs = roundTripMs
  }
  return repeatEvery(intervalMs, measure)
}
