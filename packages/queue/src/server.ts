import type { Redis } from 'ioredis'
import type { RedisClient } from './connection.ts'
import { readConfig } from './durability.ts'
import { parseInfo } from './info.ts'
import { askPrimaries, isCluster, nameOf } from './nodes.ts'
import { fullShare } from './watch.ts'

/** A Redis: its memory, and how durable it keeps the deliveries that were acknowledged. */
export interface RedisServer {
  /** Its host and port in a cluster; else null. */
  node: string | null
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

/** Reads facts about each primary that answers, the fullest first. @throws the error of ioredis where none does */
export async function readRedisServers(client: RedisClient): Promise<[RedisServer, ...RedisServer[]]> {
  const servers = await askPrimaries(client, async (primary) => ({
    node: isCluster(client) ? nameOf(primary) : null,
    ...(await readServer(primary)),
  }))
  const fullness = ({ usedBytes, maxBytes }: RedisServer) =>
    usedBytes / (maxBytes ?? Number.POSITIVE_INFINITY)
  const sorted = servers.toSorted((a, b) => fullness(b) - fullness(a) || b.usedBytes - a.usedBytes)
  return sorted as [RedisServer, ...RedisServer[]]
}

/** Reads facts about a node, and judges none of them. @throws the error of ioredis */
async function readServer(node: Redis): Promise<Omit<RedisServer, 'node'>> {
  const [text, config] = await Promise.all([node.info(), readConfig(node)])
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
