import type { RedisClient } from './connection.ts'
import { type QueueAddress, withTopology } from './operate.ts'
import { type ProcessList, readProcesses } from './processes/processes.ts'
import { type RedisServer, readRedisServers } from './server.ts'
import { combine, readShards, type ShardReading, type WholeQueueStatus } from './status.ts'
import type { Shard, Topology } from './topology.ts'
import { hasMarks } from './watermark/ingest-marks.ts'

/** All that Redis tells about the pipeline under one prefix. */
export interface RedisState {
  readonly prefix: string
  /** Whether anything was ever under the prefix: a queue, an ingest or a worker. */
  readonly isPrefixKnown: boolean
  readonly queue: WholeQueueStatus
  /** The same by shard. */
  readonly shards: readonly ShardReading[]
  readonly processes: ProcessList
  readonly redis: RedisServer
}

/** Reads the state of the pipeline, on a connection that is there. @throws the error of ioredis */
export async function readRedisState(topology: Topology): Promise<RedisState> {
  const { client, prefix } = topology
  const [shards, processes, [redis], hasTrace] = await Promise.all([
    readShards(topology),
    readProcesses(client, prefix),
    readRedisServers(client),
    hasTraces(topology),
  ])
  const isPrefixKnown = hasTrace || tellsOfProcesses(processes)
  return { prefix, isPrefixKnown, queue: combine(shards), shards, processes, redis }
}

/** Whether anything was ever under the prefix, as {@link RedisState} has it. @throws an Error when Redis is away */
export async function fetchIsPrefixKnown(address: QueueAddress): Promise<boolean> {
  return await withTopology(
    address,
    async (topology) =>
      (await hasTraces(topology)) || tellsOfProcesses(await readProcesses(topology.client, topology.prefix)),
  )
}

/** Whether an ingest has told a mark, or a queue has been used. Others are registered only where ingests tell marks. */
async function hasTraces({ client, prefix, shards }: Topology): Promise<boolean> {
  return (await hasMarks(client, prefix)) || (await hasKeys(client, shards[0]!))
}

function tellsOfProcesses({ unreadable, lastToldAtMs }: ProcessList): boolean {
  return unreadable > 0 || hasMembers(lastToldAtMs)
}

/**
 * Connects, reads the state of the pipeline, and disconnects.
 *
 * @throws an Error with the reason when Redis cannot be reached within 5 s.
 */
export async function fetchRedisState(address: QueueAddress): Promise<RedisState> {
  return await withTopology(address, readRedisState, { role: 'status' })
}

/** Keys of a queue that has been used. BullMQ keeps its events also while the queue is empty. */
const keys = ['wait', 'active', 'delayed', 'failed', 'open', 'events', 'meta'] as const

async function hasKeys(client: RedisClient, { queue }: Shard): Promise<boolean> {
  return (await client.exists(...keys.map((key) => queue.toKey(key)))) > 0
}

function hasMembers(object: object): boolean {
  return Object.keys(object).length > 0
}
