import type { Redis } from 'ioredis'
import { parseInfo } from './info.ts'

/** Reads the used share of Redis' `maxmemory`, from 0 to 1 and seldom above; 0 where no `maxmemory` is set. */
export async function readMemoryShare(client: Redis): Promise<number> {
  const info = parseInfo(await client.info('memory'))
  const used = Number(info.get('used_memory') ?? 0)
  const limit = Number(info.get('maxmemory') ?? 0)
  return limit > 0 ? used / limit : 0
}
