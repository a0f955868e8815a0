import { setTimeout as delay } from 'node:timers/promises'
import type { Worker } from 'bullmq'
import { breakOff, disconnectRedis, type RedisClient } from '../connection.ts'
import { isReachable, primaryOf } from '../nodes.ts'

/** A lost connection that is not back after this long means that Redis is away. */
const patienceMs = 500
/** Longer than a slow disk makes Redis pause, which is a second or two. */
const silenceMs = 3_000
const pollMs = 20

/**
 * Closes workers once their jobs in hand are done and reported. While Redis, or the primary of a worker's queue, is away
 * or silent, nothing can be reported: then the locks expire, and other workers run those batches again.
 */
export async function closeWorkers(workers: readonly Worker[], client: RedisClient): Promise<void> {
  const ends = await Promise.all(workers.map((worker) => closeWorker(worker, client)))
  if (ends.includes('away')) breakOff(client)
  else await disconnectRedis(client)
}

async function closeWorker(worker: Worker, client: RedisClient): Promise<'closed' | 'away'> {
  const key = worker.qualifiedName
  const isThere = await isBackSoon(client, key)
  const closed = worker.close(!isThere).then(() => 'closed' as const)
  const watch = new AbortController()
  const end = await Promise.race([closed, untilAway(client, key, watch.signal)])
  watch.abort()
  return end
}

async function isBackSoon(client: RedisClient, key: string): Promise<boolean> {
  const startedAt = performance.now()
  while (!isReachable(client, key) && performance.now() - startedAt < patienceMs) await delay(pollMs)
  return isReachable(client, key)
}

/** Resolves when the primary of a key has been away for {@link patienceMs}, or silent for {@link silenceMs}, without a break. */
async function untilAway(client: RedisClient, key: string, signal: AbortSignal): Promise<'away'> {
  const now = () => performance.now()
  let lastReadyAt = now()
  let lastAnswerAt = now()
  let isAsking = false

  async function ask(): Promise<void> {
    if (isAsking) return
    isAsking = true
    await primaryOf(client, key)
      ?.ping()
      .then(
        () => (lastAnswerAt = now()),
        () => undefined,
      )
    isAsking = false
  }

  while (!signal.aborted && now() - lastReadyAt < patienceMs && now() - lastAnswerAt < silenceMs) {
    if (isReachable(client, key)) {
      lastReadyAt = now()
      void ask()
    }
    await delay(pollMs)
  }
  return 'away'
}
