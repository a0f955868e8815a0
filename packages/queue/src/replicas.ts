import type { Redis } from 'ioredis'
import type { RedisClient } from './connection.ts'
import { inOneWrite, isCluster, primaryOf } from './nodes.ts'

/**
 * Resolves when replicas have what was written to a key. Otherwise a failover could lose what only the primary has. Redis
 * answers nothing else on the connection until then.
 *
 * WAIT speaks of the writes of one connection, and not of a key. In a cluster the key may have gone to another node
 * meanwhile, whose replicas nobody has asked. So it is also asked whether the primary that took the writes has the key
 * still: MOVED or ASK say that it does not.
 *
 * @param options.key names what was written. A key that is gone since counts as kept.
 * @param options.primary is the connection that took the writes: that of `primaryOf` before they were sent.
 * @param options.count is the number of replicas; 0 resolves at once.
 * @throws an Error when it cannot be said that the replicas have it.
 */
export async function awaitReplicas(
  client: RedisClient,
  options: { key: string; primary: Redis | undefined; count: number; timeoutMs: number },
): Promise<void> {
  const { key, primary, count, timeoutMs } = options
  if (count === 0) return
  const current = primaryOf(client, key)
  if (current === undefined || current !== primary) throw new Error('the key has gone to another primary')
  const [reached] = await inOneWrite(client, key, () =>
    Promise.all([current.wait(count, timeoutMs), isCluster(client) ? current.exists(key) : undefined]),
  )
  if (reached < count) throw new Error(`${reached} of ${count} replicas have the batch`)
}
