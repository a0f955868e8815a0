import type { RedisClient } from './connection.ts'
import { findDurabilityProblems } from './durability.ts'
import type { QueueAddress } from './operate.ts'
import { checkPrimaries, type PrimaryCheckup } from './primary-checkup.ts'
import { type RedisState, readRedisState } from './redis-state.ts'
import { withRedis } from './short-connection.ts'
import { readRedisTime } from './time-in-script.ts'
import { openShards } from './topology.ts'

/** How a Redis is set up, for `vss doctor`. */
export interface RedisCheckup extends RedisState {
  /** The result of {@link findDurabilityProblems}. */
  readonly durabilityProblems: readonly string[]
  readonly primaries: readonly PrimaryCheckup[]
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
    primaries: await checkPrimaries(client),
  }))
}

async function readClock(client: RedisClient, prefix: string): Promise<RedisCheckup['clock']> {
  const askedAtMs = Date.now()
  const itsTimeMs = await readRedisTime(client, prefix)
  return { askedAtMs, answeredAtMs: Date.now(), itsTimeMs }
}
