import { once } from 'node:events'
import { withinMs } from '@vss-pipeline/runtime'
import type { Logger } from '@vss-pipeline/runtime/service'
import type { Cluster } from 'ioredis'
import { connectRedis, type RedisClient } from './connection.ts'
import { isCluster, onConnectionError } from './nodes.ts'

const defaultTimeoutMs = 5_000

/** Only in a cluster is there a second attempt. */
function retryStrategy(attempt: number): number | null {
  return attempt <= 10 ? 50 : null
}

/**
 * Whether Redis has answered before this error: it refuses, such as a wrong password, or it has what cannot be read,
 * such as the keys of another program.
 */
export function hasAnswered(error: unknown): boolean {
  const cannotRead = [SyntaxError, RangeError, TypeError].some((type) => error instanceof type)
  return cannotRead || (error instanceof Error && error.name === 'ReplyError')
}

/**
 * Connects, does the work and disconnects.
 *
 * @throws an Error with the reason when Redis cannot be reached, or the work is not done, within `timeoutMs`, 5 s by
 *   default.
 */
export async function withRedis<Result>(
  options: { redisUrl: string; role: string; logger: Logger; timeoutMs?: number | undefined },
  work: (client: RedisClient) => Promise<Result>,
): Promise<Result> {
  const { timeoutMs = defaultTimeoutMs, ...connection } = options
  const client = connectRedis({
    ...connection,
    settings: { lazyConnect: true, retryStrategy, maxRetriesPerRequest: 0 },
  })
  // The rejection of connect() says only that there is no connection. This error has the reason.
  let reason: Error | undefined
  onConnectionError(client, (error) => {
    reason ??= error
  })
  async function connectAndWork(): Promise<Result> {
    await (isCluster(client) ? connectToCluster(client) : client.connect())
    return await work(client)
  }
  try {
    return await withinMs(connectAndWork(), timeoutMs, `no answer within ${timeoutMs / 1_000} s`)
  } catch (error) {
    // In a cluster a node may be away while another one answers.
    throw hasAnswered(error) ? error : (reason ?? error)
  } finally {
    client.disconnect()
  }
}

/** An attempt fails where it asks just the node that is away, and the next one may ask another. */
async function connectToCluster(cluster: Cluster): Promise<void> {
  const ready = once(cluster, 'ready')
  // It settles with the first attempt only.
  cluster.connect().catch(() => undefined)
  const ended = once(cluster, 'end').then(() => {
    throw new Error('the cluster is down: CLUSTER INFO says why')
  })
  await Promise.race([ready, ended])
}
