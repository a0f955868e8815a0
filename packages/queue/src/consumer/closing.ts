import { setTimeout as delay } from 'node:timers/promises'
import type { Worker } from 'bullmq'
import { breakOff, disconnectRedis, type RedisClient } from '../connection.ts'

/** A lost connection that is not back after this long means that Redis is away. */
const patienceMs = 500
/** Longer than a slow disk makes Redis pause, which is a second or two. */
const silenceMs = 3_000
const pollMs = 20

/**
 * Closes workers once their jobs in hand are done and reported. While Redis is away or silent nothing can be reported:
 * then the locks expire, and other workers run those batches again.
 */
export async function closeWorkers(workers: readonly Worker[], client: RedisClient): Promise<void> {
  const isThere = await isBackSoon(client)
  const closed = Promise.all(workers.map((worker) => worker.close(!isThere))).then(() => 'closed' as const)
  const watch = new AbortController()
  const end = await Promise.race([closed, untilAway(client, watch.signal)])
  watch.abort()
  if (end === 'away') breakOff(client)
  else await disconnectRedis(client)
}

async function isBackSoon(client: RedisClient): Promise<boolean> {
  const startedAt = performance.now()
  while (client.status !== 'ready' && performance.now() - startedAt < patienceMs) await delay(pollMs)
  return client.status === 'ready'
}

/** Resolves when Redis has been away for {@link patienceMs}, or silent for {@link silenceMs}, without a break. */
async function untilAway(client: RedisClient, signal: AbortSignal): Promise<'away'> {
  const now = () => performance.now()
  let lastReadyAt = now()
  let lastAnswerAt = now()
  let isAsking = false

  async function ask(): Promise<void> {
    if (isAsking) return
    isAsking = true
    await client.ping().then(
      () => (lastAnswerAt = now()),
      () => undefined,
    )
    isAsking = false
  }

  while (!signal.aborted && now() - lastReadyAt < patienceMs && now() - lastAnswerAt < silenceMs) {
    if (client.status === 'ready') {
      lastReadyAt = now()
      void ask()
    }
    await delay(pollMs)
  }
  return 'away'
}
