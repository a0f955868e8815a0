import type { Redis } from 'ioredis'
import { readConfig } from './durability.ts'
import { parseInfo } from './info.ts'
import { fullShare } from './watch.ts'

/** A Redis: its memory, and how durable it keeps the deliveries that were acknowledged. */
export interface RedisServer {
  version: string
  usedBytes: number
  /** `maxmemory`; null where there is no limit. */
  maxBytes: number | null
  /** Ingest adds nothing any more, and leaves the rest to workers. */
  isNearlyFull: boolean
  isAppendOnly: boolean
  /** `appendfsync`; null where the server lets nobody read it, as many managed ones do. */
  appendFsync: string | null
  /** `maxmemory-policy`. */
  evictionPolicy: string | null
}

/** Reads facts about a server, and judges none of them. @throws the error of ioredis */
export async function readRedisServer(client: Redis): Promise<RedisServer> {
  const [text, config] = await Promise.all([client.info(), readConfig(client)])
  const info = parseInfo(text)
  const usedBytes = Number(info.get('used_memory') ?? 0)
  const maxBytes = Number(info.get('maxmemory') ?? 0) || null
  return {
    version: info.get('redis_version') ?? 'unknown',
    usedBytes,
    maxBytes,
    isNearlyFull: maxBytes !== null && usedBytes > fullShare * maxBytes,
    isAppendOnly: info.get('aof_enabled') === '1',
    appendFsync: config?.get('appendfsync') ?? null,
    evictionPolicy: config?.get('maxmemory-policy') ?? info.get('maxmemory_policy') ?? null,
  }
}
