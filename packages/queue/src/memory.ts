import type { Redis } from 'ioredis'
import type { RedisClient } from './connection.ts'
import { parseInfo } from './info.ts'
import { askPrimaries } from './nodes.ts'

/** Reads the used share of a node's `maxmemory`, from 0 to 1 and seldom above; 0 where no `maxmemory` is set. */
export async function readMemoryShare(node: Redis): Promise<number> {
  const info = parseInfo(await node.info('memory'))
  const used = Number(info.get('used_memory') ?? 0)
  const limit = Number(info.get('maxmemory') ?? 0)
  return limit > 0 ? used / limit : 0
}

/** Reads the same of the fullest primary that answers. @throws the error of ioredis where none does. */
export async function readGreatestMemoryShare(client: RedisClient): Promise<number> {
  return Math.max(...(await askPrimaries(client, readMemoryShare)))
}
