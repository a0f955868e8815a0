import type { Logger } from '@vss-pipeline/runtime/service'
import { findDurabilityProblems } from './durability.ts'
import { withRedis } from './short-connection.ts'
import { type QueueStatus, readQueueStatus } from './status.ts'
import { openShards } from './topology.ts'

export interface QueueReading {
  status: QueueStatus
  /** The result of {@link findDurabilityProblems}. */
  durabilityProblems: string[]
}

/**
 * Connects, reads the queue's depth and how durable Redis keeps it, and disconnects.
 *
 * @throws an Error with the reason when Redis cannot be reached within 5 s.
 */
export async function fetchQueueStatus(options: {
  redisUrl: string
  prefix: string
  /** The number of queues; 1 by default. */
  shards?: number
  logger: Logger
}): Promise<QueueReading> {
  const { redisUrl, prefix, shards = 1, logger } = options
  return await withRedis({ redisUrl, role: 'status', logger }, async (client) => {
    const [status, durabilityProblems] = await Promise.all([
      readQueueStatus(openShards(client, { prefix, shards }), client),
      findDurabilityProblems(client),
    ])
    return { status, durabilityProblems }
  })
}
