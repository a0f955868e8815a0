import { once } from 'node:events'
import { withinMs } from '@vss-pipeline/runtime'
import type { RedisClient } from './connection.ts'
import { onConnectionError } from './nodes.ts'
import { QueueUnavailableError } from './producer.ts'
import { hasAnswered } from './short-connection.ts'

/** Asks Redis, and fails soon. @throws QueueUnavailableError */
export type Ask = <Answer>(question: () => Promise<Answer>) => Promise<Answer>

/** Somebody waits for the answer. */
export const answerTimeoutMs = 2_000
const readyTimeoutMs = 1_000

/**
 * Makes a function that asks on a client. It waits for the connection for a moment, because a client that has just been
 * opened has none. Its errors have the reason why there is none as their cause, such as a wrong password.
 */
export function createAsk(client: RedisClient): Ask {
  let reason: Error | undefined
  onConnectionError(client, (error) => {
    reason = error
  })
  client.on('ready', () => {
    reason = undefined
  })
  return async function ask(question) {
    try {
      if (client.status !== 'ready') {
        await once(client, 'ready', { signal: AbortSignal.timeout(readyTimeoutMs) })
      }
      return await withinMs(question(), answerTimeoutMs, 'no answer')
    } catch (error) {
      const cause = reason !== undefined && !hasAnswered(error) ? reason : error
      const text = hasAnswered(cause) ? 'Redis cannot be used' : 'Redis does not answer'
      throw new QueueUnavailableError(text, { cause })
    }
  }
}
