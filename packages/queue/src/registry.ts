import type { RedisClient } from './connection.ts'
import { mostShards } from './hash-tags.ts'

/**
 * The registry of shards is one number in Redis: so many shards have been filled at one time or another. An ingest
 * registers its shards before it fills them. So whoever reads the number, workers and commands, finds every batch,
 * whatever its own `QUEUE_SHARDS` is. It never becomes smaller, because an old shard may hold a batch as long as anybody
 * may put one back there.
 */
function registryKey(prefix: string): string {
  return `${prefix}:shards`
}

// Another program may have left something else there, such as a list, or `nan`, which Lua takes for a number. It is
// replaced.
const registerScript = `local value = redis.pcall('GET', KEYS[1])
local known = type(value) == 'string' and string.match(value, '^%d%d?$') or '1'
if tonumber(ARGV[1]) > tonumber(known) then redis.call('SET', KEYS[1], ARGV[1]) end`

/** Registers the first `count` shards, which are about to be filled. @throws the error of ioredis */
export async function registerShards(client: RedisClient, prefix: string, count: number): Promise<void> {
  await client.eval(registerScript, 1, registryKey(prefix), count)
}

/** Reads how many shards are registered: 1 or more. @throws the error of ioredis */
export async function readRegistered(client: RedisClient, prefix: string): Promise<number> {
  const count = Number(await client.get(registryKey(prefix)))
  // Another program may have written it.
  return Number.isInteger(count) ? Math.min(Math.max(count, 1), mostShards) : 1
}
