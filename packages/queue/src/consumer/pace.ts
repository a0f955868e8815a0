import { repeatEvery } from '@vss-pipeline/runtime'
import type { Worker } from 'bullmq'
import type { Redis } from 'ioredis'
import type { RedisClient } from '../connection.ts'
import { primaries } from '../nodes.ts'

const intervalMs = 1_000
/** The share of the lock's time for taking jobs. The rest is for the first renewal of the locks. */
const takingShare = 0.25

/**
 * Keeps workers from taking more jobs at once than their locks allow. BullMQ takes jobs one after the other, with a round
 * trip for each, and begins with the first of them after the last. Only then does it renew their locks. With 64 jobs and
 * a network of 100 ms each way, all locks would expire, again and again.
 *
 * @param deps.concurrency gives the number of jobs that each worker may take at most now.
 * @returns a function that stops the measuring.
 */
export function keepPace(deps: {
  workers: readonly Worker[]
  client: RedisClient
  concurrency: () => number
  lockDurationMs: number
}): () => void {
  const { workers, client, concurrency, lockDurationMs } = deps
  let lastMs = 0

  async function measure(): Promise<void> {
    const reachable = primaries(client).filter((primary) => primary.status === 'ready')
    if (client.status !== 'ready' || reachable.length === 0) return
    // A worker may take its jobs from any of them.
    const roundTripMs = Math.max(...(await Promise.all(reachable.map(measureRoundTrip))))
    // The shorter of two, because a long one may have waited for a new connection.
    const affordable = (takingShare * lockDurationMs) / Math.min(roundTripMs, lastMs)
    const allowed = Math.max(1, Math.floor(Math.min(concurrency(), affordable)))
    for (const worker of workers) worker.concurrency = allowed
    lastMs = roundTripMs
  }
  return repeatEvery(intervalMs, measure)
}

async function measureRoundTrip(primary: Redis): Promise<number> {
  const startedAt = performance.now()
  await primary.ping().catch(() => undefined)
  return performance.now() - startedAt
}
