import { type Delivery, isUuid } from '@vss-pipeline/delivery'
import type { Logger } from '@vss-pipeline/runtime/service'
import type { Job } from 'bullmq'
import { answerTimeoutMs, createAsk } from './ask.ts'
import { openBatch, UnknownPayloadError } from './codec.ts'
import { connectRedis, disconnectRedis, type RedisClient } from './connection.ts'
import { type RedisState, readRedisState } from './redis-state.ts'
import { jobStates, readShards, type ShardReading } from './status.ts'
import { openTopology } from './topology.ts'

export type JobState = (typeof jobStates)[number]

/** A batch as it lies in Redis. */
export interface QueuedBatch {
  readonly id: string
  readonly shard: number
  readonly state: JobState
  /** The ids of its deliveries; null where the payload is none of this release's. */
  readonly deliveryIds: readonly string[] | null
  /** When its oldest delivery was received, ISO 8601 in UTC. */
  readonly oldestAt: string
  /** How often a worker has taken it and met a fault. */
  readonly attempts: number
  /** How often a worker took it and never answered. */
  readonly stalls: number
  /** The last fault in words; null without one. */
  readonly fault: string | null
}

export interface OpenedBatch extends QueuedBatch {
  /** Null where they cannot be unpacked. */
  readonly deliveries: readonly Delivery[] | null
}

/** The read side of the queue: it changes nothing, and every call fails soon while Redis is away. */
export interface QueueReader {
  /** All that Redis tells about the pipeline. @throws QueueUnavailableError */
  readState(): Promise<RedisState>
  /** The depth of each shard. @throws QueueUnavailableError */
  readShards(): Promise<ShardReading[]>
  /** The batches of a shard in that state, the next to be taken first. @throws QueueUnavailableError */
  readBatches(options: { shard: number; state: JobState; limit: number }): Promise<QueuedBatch[]>
  /** A batch with its deliveries; null where it has left the queue. @throws QueueUnavailableError */
  readBatch(options: { shard: number; id: string }): Promise<OpenedBatch | null>
  /** For a process that tells about itself. */
  readonly client: RedisClient
  close(): Promise<void>
}

/** Opens a connection that only reads. It reconnects by itself. */
export function createQueueReader(options: {
  redisUrl: string
  prefix: string
  logger: Logger
}): QueueReader {
  const { redisUrl, prefix, logger } = options
  const client = connectRedis({
    redisUrl,
    role: 'console',
    logger,
    settings: {
      enableOfflineQueue: false,
      maxRetriesPerRequest: 0,
      commandTimeout: answerTimeoutMs,
      socketTimeout: 2 * answerTimeoutMs,
      connectTimeout: answerTimeoutMs,
    },
  })
  const topology = openTopology({ client, prefix })
  const { shards } = topology

  const ask = createAsk(client)

  return {
    client,
    readState: () => ask(() => readRedisState(topology)),
    readShards: () => ask(() => readShards(topology)),
    readBatches: ({ shard, state, limit }) =>
      ask(async () => {
        const queue = shards[shard]?.queue
        if (queue === undefined) return []
        // The queue's own order is that of taking, but for failed ones: there the latest comes first.
        const jobs = await queue.getJobs([state], 0, limit - 1, state !== 'failed')
        return jobs.filter((job) => job?.id !== undefined).map((job) => describe(job, shard, state))
      }),
    readBatch: ({ shard, id }) =>
      ask(async () => {
        const queue = shards[shard]?.queue
        const job: Job | undefined = isUuid(id) ? await queue?.getJob(id) : undefined
        if (job === undefined) return null
        const found = await job.getState()
        const state = jobStates.find((known) => known === found)
        if (state === undefined) return null
        return { ...describe(job, shard, state), deliveries: open(job)?.unpack() ?? null }
      }),
    async close() {
      await topology.close()
      await disconnectRedis(client)
    },
  }
}

function describe(job: Job, shard: number, state: JobState): QueuedBatch {
  return {
    id: job.id!,
    shard,
    state,
    deliveryIds: open(job)?.deliveryIds ?? null,
    oldestAt: new Date(job.timestamp).toISOString(),
    attempts: job.attemptsMade,
    stalls: job.stalledCounter,
    fault: job.failedReason || null,
  }
}

function open(job: Job) {
  try {
    return openBatch(job.data)
  } catch (error) {
    if (error instanceof UnknownPayloadError) return null
    throw error
  }
}
