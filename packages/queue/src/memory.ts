import type { Redis } from 'ioredis'
import type { RedisClient } from './connection.ts'
import { parseInfo } from './info.ts'
import { primaries } from './nodes.ts'

/** Reads the used share of a node's `maxmemory`, from 0 to 1 and seldom above; 0 where no `maxmemory` is set. */
export async function readMemoryShare(node: Redis): Promise<number> {
  const info = parseInfo(await node.info('memory'))
  const used = Number(info.get('used_memory') ?? 0)
  const limit = Number(info.get('maxmemory') ?? 0)
  return limit > 0 ? used / limit : 0
}

/** Reads the same of the fullest primary that answers. @throws an Error where none does. */
export async function readGreatestMemoryShare(client: RedisClient): Promise<number> {
  const asked = await Promise.allSettled(primaries(client).map(readMemoryShare))
  const shares = asked.flatMap((answer) => (answer.status === 'fulfilled' ? [answer.value] : []))
  if (shares.length === 0) throw new Error('no primary of Redis answers')
  return Math.max(...shares)
}
