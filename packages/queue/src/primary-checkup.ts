import type { Redis } from 'ioredis'
import type { RedisClient } from './connection.ts'
import { parseInfo } from './info.ts'
import { askPrimaries, isCluster, nameOf } from './nodes.ts'

/** How one primary is set up, for `vss doctor`. */
export interface PrimaryCheckup {
  /** Its host and port in a cluster; else null. */
  readonly node: string | null
  /** A replica, which takes no batches. */
  readonly isReplica: boolean
  /** The replicas that are connected, and have all data. */
  readonly replicas: number
  /** The last write to the append-only file, or its last rewrite, failed. */
  readonly isFileFailing: boolean
  /** `maxmemory` is set. */
  readonly hasMemoryLimit: boolean
  /**
   * `cluster-require-full-coverage`: it refuses everything while any other primary is away. Null where it is in no cluster,
   * or lets nobody read its settings.
   */
  readonly needsAllOthers: boolean | null
}

/**
 * Looks at each primary that answers; there is one unless Redis is a cluster.
 *
 * @throws the error of ioredis where none answers
 */
export async function checkPrimaries(client: RedisClient): Promise<PrimaryCheckup[]> {
  return await askPrimaries(client, async (primary) => ({
    node: isCluster(client) ? nameOf(primary) : null,
    ...(await readFacts(primary)),
    needsAllOthers: isCluster(client) ? await readCoverage(primary) : null,
  }))
}

async function readFacts(primary: Redis): Promise<Omit<PrimaryCheckup, 'node' | 'needsAllOthers'>> {
  const info = parseInfo(await primary.info())
  const states = [...info].filter(([name]) => /^slave\d+$/.test(name)).map(([, state]) => state)
  return {
    isReplica: info.get('role') === 'slave',
    replicas: states.filter((state) => state.includes('state=online')).length,
    isFileFailing: ['aof_last_write_status', 'aof_last_bgrewrite_status'].some(
      (name) => info.get(name) === 'err',
    ),
    hasMemoryLimit: Number(info.get('maxmemory') ?? 0) > 0,
  }
}

async function readCoverage(primary: Redis): Promise<boolean | null> {
  try {
    const [, value] = (await primary.config('GET', 'cluster-require-full-coverage')) as string[]
    return value === undefined ? null : value === 'yes'
  } catch {
    return null
  }
}
