import { withinMs } from '@vss-pipeline/runtime'
import type { Logger } from '@vss-pipeline/runtime/service'
import type { Redis } from 'ioredis'
import { connectRedis } from './connection.ts'

const timeoutMs = 5_000

/**
 * Connects, does the work and disconnects.
 *
 * @throws an Error with the reason when Redis cannot be reached, or the work is not done, within 5 s.
 */
export async function withRedis<Result>(
  options: { redisUrl: string; role: string; logger: Logger },
  work: (client: Redis) => Promise<Result>,
): Promise<Result> {
  const client = connectRedis({
    ...options,
    settings: { lazyConnect: true, retryStrategy: () => null, maxRetriesPerRequest: 0 },
  })
  // The rejection of connect() says only that there is no connection. This error has the reason.
  let reason: Error | undefined
  client.on('error', (error) => {
    reason ??= error
  })
  async function connectAndWork(): Promise<Result> {
    await client.connect()
    return await work(client)
  }
  try {
    return await withinMs(connectAndWork(), timeoutMs, 'no answer within 5 s')
  } catch (error) {
    throw reason ?? error
  } finally {
    client.disconnect()
  }
}
