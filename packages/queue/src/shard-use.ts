import { nameOf, primaryOf } from './nodes.ts'
import { type QueueAddress, withTopology } from './operate.ts'
import { type ProcessList, readProcesses } from './processes/processes.ts'
import { readShards, type ShardReading } from './status.ts'

/** A shard with its place, and with those who read it. */
export interface ShardInUse extends ShardReading {
  /** The Redis that has it, as `host:port`; null where no node does. */
  readonly node: string | null
  /** The key of the list in which its batches wait. */
  readonly list: string
  /** So many workers read it. */
  readonly workers: number
}

/** Lists the registered shards. @throws an Error with the reason when Redis is away. */
export async function listShards(address: QueueAddress): Promise<ShardInUse[]> {
  return await withTopology(address, async (topology) => {
    const [readings, processes] = await Promise.all([
      readShards(topology),
      readProcesses(topology.client, topology.prefix),
    ])
    return readings.map((reading) => {
      const list = topology.shards[reading.shard]!.queue.toKey('wait')
      const primary = primaryOf(topology.client, list)
      return {
        ...reading,
        node: primary === undefined ? null : nameOf(primary),
        list,
        workers: countReaders(processes, reading.shard),
      }
    })
  })
}

/** Counts the workers that read a shard. */
export function countReaders({ running }: ProcessList, shard: number): number {
  return running.filter((process) => process.service === 'worker' && process.shardsRead.includes(shard))
    .length
}

/** Finds the shards that hold batches which no worker will take. */
export function findUnread(shards: readonly (ShardReading & { readonly workers: number })[]): number[] {
  return shards
    .filter(({ status, workers }) => workers === 0 && status !== null && holdsBatches(status.jobs))
    .map(({ shard }) => shard)
}

function holdsBatches({
  waiting,
  active,
  delayed,
}: Record<'waiting' | 'active' | 'delayed', number>): boolean {
  return waiting + active + delayed > 0
}
