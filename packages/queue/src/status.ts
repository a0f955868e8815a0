import { withinMs } from '@vss-pipeline/runtime'
import { Gauge, type Logger, type Registry } from '@vss-pipeline/runtime/service'
import type { Redis } from 'ioredis'
import { connectRedis } from './connection.ts'
import { findDurabilityProblems } from './durability.ts'
import { openShards, type Shard } from './topology.ts'

const fetchTimeoutMs = 5_000
/** A scrape must not wait for a Redis that hangs. */
const scrapeTimeoutMs = 1_000
/** Of a list of batches so many are looked at from each end, over all shards. */
const sampledBatches = 100

export const jobStates = ['waiting', 'active', 'delayed', 'failed'] as const

export interface QueueStatus {
  /** Batches by state: `delayed` ones met a fault and wait for their retry; `failed` should be none. */
  jobs: Record<(typeof jobStates)[number], number>
  /**
   * Deliveries that are not written yet: waiting, in hand or delayed. Exact up to 200 batches a state; beyond that
   * what the oldest and the newest hold on average stands for the rest.
   */
  deliveries: number
  /** Seconds since the oldest delivery among those looked at was received; 0 without one. */
  oldestWaitingSeconds: number
}

/** The name of a job, by which the number of its deliveries is known without reading the batch. */
export function nameBatch(deliveries: number): string {
  return `batch of ${deliveries}`
}

function countInName(name: string): number {
  return Number(/^batch of (\d+)$/.exec(name)?.[1] ?? 1)
}

/** Reads the depth of all queues together. @throws what ioredis throws when Redis is away. */
export async function readQueueStatus(shards: readonly Shard[], client: Redis): Promise<QueueStatus> {
  return combine(await readShards(shards, client))
}

async function readShards(shards: readonly Shard[], client: Redis): Promise<QueueStatus[]> {
  const sample = Math.ceil(sampledBatches / shards.length)
  return await Promise.all(shards.map((shard) => readShard(shard, client, sample)))
}

async function readShard({ queue }: Shard, client: Redis, sample: number): Promise<QueueStatus> {
  const [counts, waiting, active, delayed] = await Promise.all([
    queue.getJobCounts(...jobStates),
    idsAtEnds(sample, (start, stop) => client.lrange(queue.toKey('wait'), start, stop)),
    idsAtEnds(sample, (start, stop) => client.lrange(queue.toKey('active'), start, stop)),
    idsAtEnds(sample, (start, stop) => client.zrange(queue.toKey('delayed'), String(start), String(stop))),
  ])
  const jobs = Object.fromEntries(
    jobStates.map((state) => [state, counts[state] ?? 0]),
  ) as QueueStatus['jobs']

  async function look(ids: string[], batches: number): Promise<{ deliveries: number; oldestMs: number }> {
    const seen = await Promise.all(ids.map((id) => client.hmget(queue.toKey(id), 'name', 'timestamp')))
    // A batch that was done meanwhile has neither.
    const known = seen.flatMap(([name, timestamp]) => (name && timestamp ? [{ name, timestamp }] : []))
    if (known.length === 0) return { deliveries: 0, oldestMs: Number.POSITIVE_INFINITY }
    const counted = known.reduce((sum, { name }) => sum + countInName(name), 0)
    return {
      deliveries: batches > ids.length ? Math.round((counted / known.length) * batches) : counted,
      oldestMs: Math.min(...known.map(({ timestamp }) => Number(timestamp))),
    }
  }

  const looks = await Promise.all([
    look(waiting, jobs.waiting),
    look(active, jobs.active),
    look(delayed, jobs.delayed),
  ])
  const oldestMs = Math.min(...looks.map((one) => one.oldestMs))
  return {
    jobs,
    deliveries: looks.reduce((sum, { deliveries }) => sum + deliveries, 0),
    oldestWaitingSeconds: Number.isFinite(oldestMs) ? Math.max(0, (Date.now() - oldestMs) / 1000) : 0,
  }
}

/** The first and the last so many of a list in Redis, each once. */
async function idsAtEnds(
  count: number,
  range: (start: number, stop: number) => Promise<string[]>,
): Promise<string[]> {
  const [first, last] = await Promise.all([range(0, count - 1), range(-count, -1)])
  return [...new Set([...first, ...last])]
}

function combine(parts: readonly QueueStatus[]): QueueStatus {
  const sumOf = (count: (part: QueueStatus) => number) => parts.reduce((sum, part) => sum + count(part), 0)
  return {
    jobs: Object.fromEntries(
      jobStates.map((state) => [state, sumOf(({ jobs }) => jobs[state])]),
    ) as QueueStatus['jobs'],
    deliveries: sumOf(({ deliveries }) => deliveries),
    oldestWaitingSeconds: Math.max(...parts.map((part) => part.oldestWaitingSeconds)),
  }
}

/**
 * Adds the depth of the queues to a registry; it is read anew each time the metrics are. Where there are several, the
 * label `shard` tells them apart.
 */
export function observeQueue(options: { registry: Registry; shards: readonly Shard[]; client: Redis }): void {
  const { registry, shards, client } = options
  const registers = [registry]
  let pending: Promise<QueueStatus[] | undefined> | undefined

  /** One reading for all gauges of a scrape; undefined while Redis is away. */
  async function read(): Promise<QueueStatus[] | undefined> {
    if (client.status !== 'ready') return undefined
    pending ??= withinMs(readShards(shards, client), scrapeTimeoutMs, 'no answer')
      .catch(() => undefined)
      .finally(() => {
        pending = undefined
      })
    return pending
  }

  const shardLabel = shards.length > 1 ? (['shard'] as const) : []
  const labelOf = (shard: number) => (shards.length > 1 ? { shard } : {})

  new Gauge({
    name: 'vss_queue_jobs',
    help: 'Batches in the queue, by state.',
    labelNames: ['state', ...shardLabel],
    registers,
    async collect() {
      // While Redis is away there is nothing true to say: no value beats an old one.
      this.reset()
      const statuses = await read()
      statuses?.forEach(({ jobs }, shard) => {
        for (const state of jobStates) this.set({ state, ...labelOf(shard) }, jobs[state])
      })
    },
  })
  new Gauge({
    name: 'vss_queue_oldest_waiting_seconds',
    help: 'Age of the oldest delivery that is not written yet, since its receipt; 0 when there is none.',
    labelNames: shardLabel,
    registers,
    async collect() {
      this.reset()
      // Without labels, a reset leaves a 0.
      if (shards.length === 1) this.remove()
      const statuses = await read()
      statuses?.forEach(({ oldestWaitingSeconds }, shard) => {
        this.set(labelOf(shard), oldestWaitingSeconds)
      })
    },
  })
}

export interface QueueReading {
  status: QueueStatus
  /** As of {@link findDurabilityProblems}. */
  durabilityProblems: string[]
}

/**
 * Connects, reads the queue's depth and how durable Redis keeps it, and disconnects.
 *
 * @throws an Error that says why when Redis cannot be reached within 5 s.
 */
export async function fetchQueueStatus(options: {
  redisUrl: string
  prefix: string
  /** How many queues there are; 1 unless given. */
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
  // What connect() rejects with says only that there is no connection.
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
