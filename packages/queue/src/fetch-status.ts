import { withinMs } from '@vss-pipeline/runtime'
import type { Logger } from '@vss-pipeline/runtime/service'
import { connectRedis } from './connection.ts'
import { findDurabilityProblems } from './durability.ts'
import { type QueueStatus, readQueueStatus } from './status.ts'
import { openShards } from './topology.ts'

const fetchTimeoutMs = 5_000

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
  const client = connectRedis({
    redisUrl,
    role: 'status',
    logger,
    settings: { lazyConnect: true, retryStrategy: () => null, maxRetriesPerRequest: 0 },
  })
  // The rejection of connect() says only that there is no connection. This error has the reason.
  let reason: Error | undefined
  client.on('error', (error) => {
    reason ??= error
  })
  async function connectAndRead(): Promise<QueueReading> {
    await client.connect()
    const [status, durabilityProblems] = await Promise.all([
      readQueueStatus(openShards(client, { prefix, shards }), client),
      findDurabilityProblems(client),
    ])
    return { status, durabilityProblems }
  }
  try {
    return await withinMs(connectAndRead(), fetchTimeoutMs, 'no answer within 5 s')
  } catch (error) {
    throw reason ?? error
  } finally {
    client.disconnect()
  }
}
