import type { RedisClient } from './connection.ts'
import { findDurabilityProblems } from './durability.ts'
import { parseInfo } from './info.ts'
import type { QueueAddress } from './operate.ts'
import { type RedisState, readRedisState } from './redis-state.ts'
import { withRedis } from './short-connection.ts'
import { readRedisTime } from './time-in-script.ts'
import { openShards } from './topology.ts'

/** How a Redis is set up, for `vss doctor`. */
export interface RedisCheckup extends RedisState {
  /** The result of {@link findDurabilityProblems}. */
  readonly durabilityProblems: readonly string[]
  /** A replica, which takes no batches. */
  readonly isReplica: boolean
  /** The replicas that are connected, and have all data. */
  readonly replicas: number
  /** The last write to the append-only file, or its last rewrite, failed. */
  readonly isFileFailing: boolean
  readonly clock: {
    /** When it was asked and when it answered, by the clock of this machine, and its own time between. */
    readonly askedAtMs: number
    readonly answeredAtMs: number
    readonly itsTimeMs: number
  }
}

/** Connects, reads, and disconnects. @throws an Error with the reason when Redis cannot be reached within 5 s. */
export async function fetchRedisCheckup(address: QueueAddress): Promise<RedisCheckup> {
  const { redisUrl, prefix, shards, logger } = address
  return await withRedis({ redisUrl, role: 'doctor', logger }, async (client) => ({
    clock: await readClock(client, prefix),
    ...(await readRedisState(client, { prefix, shards: openShards(client, { prefix, shards }) })),
    durabilityProblems: await findDurabilityProblems(client),
    ...(await readServer(client)),
  }))
}

async function readClock(client: RedisClient, prefix: string): Promise<RedisCheckup['clock']> {
  const askedAtMs = Date.now()
  const itsTimeMs = await readRedisTime(client, prefix)
  return { askedAtMs, answeredAtMs: Date.now(), itsTimeMs }
}

async function readServer(
  client: RedisClient,
): Promise<Pick<RedisCheckup, 'isReplica' | 'replicas' | 'isFileFailing'>> {
  const info = parseInfo(await client.info())
  const states = [...info].filter(([name]) => /^slave\d+$/.test(name)).map(([, state]) => state)
  return {
    isReplica: info.get('role') === 'slave',
    replicas: states.filter((state) => state.includes('state=online')).length,
    isFileFailing: ['aof_last_write_status', 'aof_last_bgrewrite_status'].some(
      (name) => info.get(name) === 'err',
    ),
  }
}
