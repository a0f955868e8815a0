import type { Redis } from 'ioredis'

/** Lines of Lua that set `now` to the time of Redis, in milliseconds since the Unix epoch. */
export const nowInScript = `local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)`

/** Reads the same by a command. A reader's own clock may be minutes off. */
export async function readRedisTime(client: Redis): Promise<number> {
  const [seconds, microseconds] = await client.time()
  return Number(seconds) * 1_000 + Number(microseconds) / 1_000
}
