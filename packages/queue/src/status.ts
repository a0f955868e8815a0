import { withinMs } from '@vss-pipeline/runtime'
import { Gauge, type Logger, type Registry } from '@vss-pipeline/runtime/service'
import type { Queue } from 'bullmq'
import type { Redis } from 'ioredis'
import { connectRedis } from './connection.ts'
import { openQueue } from './queue.ts'

const fetchTimeoutMs = 5_000
/** A scrape must not wait for a Redis that hangs. */
const scrapeTimeoutMs = 1_000

export const jobStates = ['waiting', 'active', 'delayed', 'failed'] as const

export interface QueueStatus {
  /** Batches by state: `delayed` ones met a fault and wait for their retry; `failed` should be none. */
  jobs: Record<(typeof jobStates)[number], number>
  /** Seconds since the oldest batch that is not done was enqueued, waiting, in hand or delayed; 0 without one. */
  oldestWaitingSeconds: number
}

/** Reads the queue's depth. @throws what ioredis throws when Redis is away. */
export async function readQueueStatus(queue: Queue, client: Redis): Promise<QueueStatus> {
  const [counts, waiting, active, delayed] = await Promise.all([
    queue.getJobCounts(...jobStates),
    client.lindex(queue.toKey('wait'), -1),
    client.lindex(queue.toKey('active'), -1),
    client.zrange(queue.toKey('delayed'), '0', '0'),
  ])
  const oldestIds = [waiting, active, ...delayed].filter((jobId) => jobId !== null)
  const timestamps = await Promise.all(oldestIds.map((jobId) => client.hget(queue.toKey(jobId), 'timestamp')))
  // A batch that was done meanwhile has none.
  const enqueuedAtMs = Math.min(...timestamps.filter((timestamp) => timestamp !== null).map(Number))
  return {
    jobs: Object.fromEntries(jobStates.map((state) => [state, counts[state] ?? 0])) as QueueStatus['jobs'],
    oldestWaitingSeconds: Number.isFinite(enqueuedAtMs) ? Math.max(0, (Date.now() - enqueuedAtMs) / 1000) : 0,
  }
}

/** Adds the queue's depth to a registry; it is read anew each time the metrics are. */
export function observeQueue(options: { registry: Registry; queue: Queue; client: Redis }): void {
  const { registry, queue, client } = options
  const registers = [registry]
  let pending: Promise<QueueStatus | undefined> | undefined

  /** One reading for all gauges of a scrape; undefined while Redis is away. */
  async function read(): Promise<QueueStatus | undefined> {
    if (client.status !== 'ready') return undefined
    pending ??= withinMs(readQueueStatus(queue, client), scrapeTimeoutMs, 'no answer')
      .catch(() => undefined)
      .finally(() => {
        pending = undefined
      })
    return pending
  }

  new Gauge({
    name: 'vss_queue_jobs',
    help: 'Batches in the queue, by state.',
    labelNames: ['state'],
    registers,
    async collect() {
      // While Redis is away there is nothing true to say: no value beats an old one.
      this.reset()
      const status = await read()
      if (status === undefined) return
      for (const state of jobStates) this.set({ state }, status.jobs[state])
    },
  })
  new Gauge({
    name: 'vss_queue_oldest_waiting_seconds',
    help: 'Age of the oldest batch that is not written yet; 0 when there is none.',
    registers,
    async collect() {
      this.remove()
      const status = await read()
      if (status !== undefined) this.set(status.oldestWaitingSeconds)
    },
  })
}

/**
 * Connects, reads the queue's depth and disconnects.
 *
 * @throws an Error that says why when Redis cannot be reached within 5 s.
 */
export async function fetchQueueStatus(options: {
  redisUrl: string
  prefix: string
  logger: Logger
}): Promise<QueueStatus> {
  const { redisUrl, prefix, logger } = options
  const client = connectRedis({
    redisUrl,
    role: 'status',
    logger,
    settings: { lazyConnect: true, retryStrategy: () => null, maxRetriesPerRequest: 0 },
  })
  // What connect() rejects with says only that there is no connection.
  let reason: Error | undefined
  client.on('error', (error) => {
    reason ??= error
  })
  async function connectAndRead(): Promise<QueueStatus> {
    await client.connect()
    return readQueueStatus(openQueue(client, prefix), client)
  }
  try {
    return await withinMs(connectAndRead(), fetchTimeoutMs, 'no answer within 5 s')
  } catch (error) {
    throw reason ?? error
  } finally {
    client.disconnect()
  }
}
