import type { RedisClient } from './connection.ts'
import { primaryIsAway, primaryOf } from './nodes.ts'

/** Lines of Lua that set `now` to the time of Redis, in milliseconds since the Unix epoch. */
export const nowInScript = `local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)`

/**
 * Reads the same by a command, from the primary of a key. A reader's own clock may be minutes off.
 *
 * @throws the error of ioredis, or an Error where the primary is away.
 */
export async function readRedisTime(client: RedisClient, key: string): Promise<number> {
  const primary = primaryOf(client, key)
  if (primary === undefined) throw new Error(primaryIsAway)
  const [seconds, microseconds] = await primary.time()
  return Number(seconds) * 1_000 + Number(microseconds) / 1_000
}
