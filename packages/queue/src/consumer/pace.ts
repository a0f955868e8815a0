import { repeatEvery } from '@vss-pipeline/runtime'
import type { Worker } from 'bullmq'
import type { RedisClient } from '../connection.ts'

const intervalMs = 1_000
/** The share of the lock's time for taking jobs. The rest is for the first renewal of the locks. */
const takingShare = 0.25

/**
 * Keeps workers from taking more jobs at once than their locks allow. BullMQ takes jobs one after the other, with a round
 * trip for each, and begins with the first of them after the last. Only then does it renew their locks. With 64 jobs and
 * a network of 100 ms each way, all locks would expire, again and again.
 *
 * @param deps.concurrency is the number of jobs that each worker may take at most.
 * @returns a function that stops the measuring.
 */
export function keepPace(deps: {
  workers: readonly Worker[]
  client: RedisClient
  concurrency: number
  lockDurationMs: number
}): () => void {
  const { workers, client, concurrency, lockDurationMs } = deps
  let lastMs = 0

  async function measure(): Promise<void> {
    if (client.status !== 'ready') return
    const startedAt = performance.now()
    await client.ping().catch(() => undefined)
    const roundTripMs = performance.now() - startedAt
    // The shorter of two, because a long one may have waited for a new connection.
    const affordable = (takingShare * lockDurationMs) / Math.min(roundTripMs, lastMs)
    const allowed = Math.max(1, Math.floor(Math.min(concurrency, affordable)))
    for (const worker of workers) worker.concurrency = allowed
    lastMs = roundTripMs
  }
  return repeatEvery(intervalMs, measure)
}
