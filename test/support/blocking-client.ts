import type { Redis } from 'ioredis'

/** Kills the connection on which the only consumer of a queue waits for jobs. Its other connections stay. */
export async function killBlockingClient(redis: Redis, queuePrefix: string): Promise<void> {
  const list = (await redis.client('LIST')) as string
  // BullMQ names this connection after the queue.
  const line = list.split('\n').find((line) => line.includes(` name=${queuePrefix}:`))
  const id = /\bid=(\d+)/.exec(line ?? '')?.[1]
  if (id === undefined) throw new Error(`no client waits for jobs of ${queuePrefix}`)
  await redis.client('KILL', 'ID', id)
}
