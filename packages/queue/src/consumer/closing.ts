import { setTimeout as delay } from 'node:timers/promises'
import type { Worker } from 'bullmq'
import type { Redis } from 'ioredis'
import { breakOff, disconnectRedis } from '../connection.ts'

/** A connection that was lost is back at the first attempts, or Redis is away. */
const patienceMs = 500
/** A slow disk lets Redis pause for a second or two. */
const silenceMs = 3_000
const pollMs = 20

/**
 * Closes workers once what they have in hand is done and reported. Where Redis is away or silent nothing can be
 * reported: the locks expire, and other workers run those batches again.
 */
export async function closeWorkers(workers: readonly Worker[], client: Redis): Promise<void> {
  const isThere = await isBackSoon(client)
  const closed = Promise.all(workers.map((worker) => worker.close(!isThere))).then(() => 'closed' as const)
  const watch = new AbortController()
  const end = await Promise.race([closed, untilAway(client, watch.signal)])
  watch.abort()
  if (end === 'away') breakOff(client)
  else await disconnectRedis(client)
}

async function isBackSoon(client: Redis): Promise<boolean> {
  const startedAt = performance.now()
  while (client.status !== 'ready' && performance.now() - startedAt < patienceMs) await delay(pollMs)
  return client.status === 'ready'
}

/** Resolves with `away` when Redis has been away for {@link patienceMs}, or silent for {@link silenceMs}, on end. */
async function untilAway(client: Redis, signal: AbortSignal): Promise<'away'> {
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
