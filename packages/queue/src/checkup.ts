import type { RedisClient } from './connection.ts'
import { findDurabilityProblems } from './durability.ts'
import { type QueueAddress, withTopology } from './operate.ts'
import { checkPrimaries, type PrimaryCheckup } from './primary-checkup.ts'
import { type RedisState, readRedisState } from './redis-state.ts'
import { readRedisTime } from './time-in-script.ts'

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
  return await withTopology(
    address,
    async (topology) => ({
      clock: await readClock(topology.client, topology.prefix),
      ...(await readRedisState(topology)),
      durabilityProblems: await findDurabilityProblems(topology.client),
      primaries: await checkPrimaries(topology.client),
    }),
    { role: 'doctor' },
  )
}

async function readClock(client: RedisClient, prefix: string): Promise<RedisCheckup['clock']> {
  const askedAtMs = Date.now()
  const itsTimeMs = await readRedisTime(client, prefix)
  return { askedAtMs, answeredAtMs: Date.now(), itsTimeMs }
}
