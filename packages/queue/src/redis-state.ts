import type { Logger } from '@vss-pipeline/runtime/service'
import type { RedisClient } from './connection.ts'
import { type ProcessList, readProcesses } from './processes/processes.ts'
import { type RedisServer, readRedisServers } from './server.ts'
import { withRedis } from './short-connection.ts'
import { type QueueStatus, readQueueStatus } from './status.ts'
import { openShards, type Shard } from './topology.ts'
import { hasMarks } from './watermark/ingest-marks.ts'

/** All that Redis tells about the pipeline under one prefix. */
export interface RedisState {
  readonly prefix: string
  /** Whether anything was ever under the prefix: a queue, an ingest or a worker. */
  readonly isPrefixKnown: boolean
  readonly queue: QueueStatus
  readonly processes: ProcessList
  /** In a cluster the fullest primary. */
  readonly redis: RedisServer
}

/** Reads the state of the pipeline, on a connection that is there. @throws the error of ioredis */
export async function readRedisState(
  client: RedisClient,
  options: { prefix: string; shards: readonly Shard[] },
): Promise<RedisState> {
  const { prefix, shards } = options
  const [queue, processes, [redis], traces] = await Promise.all([
    readQueueStatus(shards, client),
    readProcesses(client, prefix),
    readRedisServers(client),
    Promise.all([hasMarks(client, prefix), ...shards.map((shard) => hasKeys(client, shard))]),
  ])
  const isPrefixKnown =
    traces.includes(true) || processes.unreadable > 0 || hasMembers(processes.lastToldAtMs)
  return { prefix, isPrefixKnown, queue, processes, redis }
}

/**
 * Connects, reads the state of the pipeline, and disconnects.
 *
 * @param options.shards is the number of queues; 1 by default.
 * @throws an Error with the reason when Redis cannot be reached within 5 s.
 */
export async function fetchRedisState(options: {
  redisUrl: string
  prefix: string
  shards?: number
  logger: Logger
}): Promise<RedisState> {
  const { redisUrl, prefix, shards = 1, logger } = options
  return await withRedis({ redisUrl, role: 'status', logger }, (client) =>
    readRedisState(client, { prefix, shards: openShards(client, { prefix, shards }) }),
  )
}

/** Keys of a queue that has been used. BullMQ keeps its events also while the queue is empty. */
const keys = ['wait', 'active', 'delayed', 'failed', 'open', 'events', 'meta'] as const

async function hasKeys(client: RedisClient, { queue }: Shard): Promise<boolean> {
  return (await client.exists(...keys.map((key) => queue.toKey(key)))) > 0
}

function hasMembers(object: object): boolean {
  return Object.keys(object).length > 0
}
