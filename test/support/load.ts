import { setTimeout as pause } from 'node:timers/promises'
import type { GeneratedEvent } from '@vss-pipeline/generator'
import { Pool } from 'undici'

/** An event that was answered with 200. */
export interface Acknowledged {
  deliveryId: string
  event: GeneratedEvent
}

export interface Load {
  acknowledged: Acknowledged[]
  /** The number of answers of each kind: a status code, or the error code of a connection. */
  answers: Map<string, number>
  /** The milliseconds that each acknowledged POST took, in no order. */
  tookMs: number[]
}

const resendAfterMs = 50

/**
 * Posts events on several connections at once, and posts each again until it is acknowledged. Refusals and broken
 * connections are counted; they do not end the load.
 *
 * @param options.restMs is how long each connection rests after an acknowledgement; it does not rest by default.
 * @param options.signal ends the load early. Events that are not acknowledged by then are not posted again.
 */
export async function postUntilAcknowledged(
  webhookUrl: string,
  events: Iterable<GeneratedEvent>,
  options: { connections: number; restMs?: number | undefined; signal?: AbortSignal },
): Promise<Load> {
  const { connections, restMs = 0, signal } = options
  const { origin, pathname } = new URL(webhookUrl)
  const client = new Pool(origin, { connections })
  const load: Load = { acknowledged: [], answers: new Map(), tookMs: [] }
  const remaining = events[Symbol.iterator]()

  async function post(event: GeneratedEvent): Promise<boolean> {
    let kind: string
    const startedAt = performance.now()
    try {
      const response = await client.request({ method: 'POST', path: pathname, body: event.body })
      kind = String(response.statusCode)
      const answer = (await response.body.json()) as { deliveryId: string }
      if (kind === '200') {
        load.acknowledged.push({ deliveryId: answer.deliveryId, event })
        load.tookMs.push(performance.now() - startedAt)
      }
    } catch (error) {
      kind = (error as NodeJS.ErrnoException).code ?? 'unknown error'
    }
    load.answers.set(kind, (load.answers.get(kind) ?? 0) + 1)
    return kind === '200'
  }

  async function sendOneByOne(): Promise<void> {
    for (let next = remaining.next(); !next.done; next = remaining.next()) {
      while (!signal?.aborted && !(await post(next.value))) await pause(resendAfterMs)
      if (signal?.aborted) return
      if (restMs > 0) await pause(restMs)
    }
  }

  try {
    await Promise.all(Array.from({ length: connections }, sendOneByOne))
  } finally {
    await client.close()
  }
  return load
}
