import { withinMs } from '@vss-pipeline/runtime'
import type { RedisClient } from './connection.ts'
import { readRedisTime } from './time-in-script.ts'
import type { Shard, Topology } from './topology.ts'
import { readOldestOpen } from './watermark/open-batches.ts'

/** The number of batches that are read from each end of a list, over all shards. */
const sampledBatches = 100
/** Less than people and programs wait for the whole answer. */
const defaultAnswerTimeoutMs = 2_000

export const jobStates = ['waiting', 'active', 'delayed', 'failed'] as const

/** The depth of a queue. */
export interface QueueStatus {
  /** Batches by state: `delayed` ones met a fault and wait for their retry; there should be no `failed` ones. */
  jobs: Record<(typeof jobStates)[number], number>
  /**
   * Deliveries that are not written yet: waiting, in hand or delayed. The number is exact up to 200 batches a state.
   * Beyond that it is an estimate from the average of the oldest and the newest batches.
   */
  deliveries: number
  /** Seconds since the receipt of the oldest of them, by the clock of Redis; 0 without one. */
  oldestWaitingSeconds: number
  /** Whether somebody paused a queue: workers take nothing from it until it is resumed. */
  isPaused: boolean
}

/** Names a job by the number of its deliveries, which is then known without reading the batch. */
export function nameBatch(deliveries: number): string {
  return `batch of ${deliveries}`
}

/** Reads the number of deliveries that {@link nameBatch} has written; 1 where the job has another name. */
export function countInName(name: string): number {
  return Number(/^batch of (\d+)$/.exec(name)?.[1] ?? 1)
}

/** One of the queues at one instant. */
export interface ShardReading {
  readonly shard: number
  /** Null where its Redis does not answer. */
  readonly status: QueueStatus | null
}

/** All queues together, as far as they can be read. */
export interface WholeQueueStatus extends QueueStatus {
  /** The shards that do not answer: what they hold is not counted. */
  readonly awayShards: readonly number[]
}

/** Reads the depth of all queues together. @throws the error of ioredis when none of them answers. */
export async function readQueueStatus(topology: Topology): Promise<WholeQueueStatus> {
  return combine(await readShards(topology))
}

/**
 * Reads the depth of each registered queue by itself.
 *
 * @param answerTimeoutMs A shard that has not answered by then counts as away.
 * @throws the error of ioredis when none of them answers.
 */
export async function readShards(
  topology: Topology,
  answerTimeoutMs = defaultAnswerTimeoutMs,
): Promise<ShardReading[]> {
  const shards = await topology.update().catch(() => topology.shards)
  const sample = Math.ceil(sampledBatches / shards.length)
  const results = await Promise.allSettled(
    shards.map((shard) => withinMs(readShard(shard, topology.client, sample), answerTimeoutMs, 'no answer')),
  )
  const failures = results.filter((result) => result.status === 'rejected')
  if (failures.length === results.length) throw failures[0]!.reason
  return results.map((result, shard) => ({
    shard,
    status: result.status === 'fulfilled' ? result.value : null,
  }))
}

async function readShard(shard: Shard, client: RedisClient, sample: number): Promise<QueueStatus> {
  const { queue } = shard
  const [nowMs, isPaused, [oldest], counts, waiting, active, delayed] = await Promise.all([
    readRedisTime(client, queue.qualifiedName),
    queue.isPaused(),
    readOldestOpen(client, shard, 1),
    queue.getJobCounts(...jobStates),
    idsAtEnds(sample, (start, stop) => client.lrange(queue.toKey('wait'), start, stop)),
    idsAtEnds(sample, (start, stop) => client.lrange(queue.toKey('active'), start, stop)),
    idsAtEnds(sample, (start, stop) => client.zrange(queue.toKey('delayed'), String(start), String(stop))),
  ])
  const jobs = Object.fromEntries(
    jobStates.map((state) => [state, counts[state] ?? 0]),
  ) as QueueStatus['jobs']
  const samples = await Promise.all([
    countDeliveries(waiting, jobs.waiting),
    countDeliveries(active, jobs.active),
    countDeliveries(delayed, jobs.delayed),
  ])
  return {
    jobs,
    deliveries: samples.reduce((sum, deliveries) => sum + deliveries, 0),
    oldestWaitingSeconds: oldest === undefined ? 0 : secondsSince(oldest.oldestMs, nowMs),
    isPaused,
  }

  /** Counts the deliveries of all batches of a state, by some of them. */
  async function countDeliveries(ids: string[], batches: number): Promise<number> {
    const read = await Promise.all(ids.map((id) => client.hget(queue.toKey(id), 'name')))
    // A batch that was done in the meantime has no name.
    const names = read.filter((name) => name !== null)
    if (names.length === 0) return 0
    const counted = names.reduce((sum, name) => sum + countInName(name), 0)
    return batches > ids.length ? Math.round((counted / names.length) * batches) : counted
  }
}

/** A time that cannot be true counts as now: somebody else wrote it. */
function secondsSince(ms: number, nowMs: number): number {
  return ms >= 0 && ms <= nowMs ? (nowMs - ms) / 1000 : 0
}

/** The first and the last `count` ids of a list in Redis, each once. */
async function idsAtEnds(
  count: number,
  range: (start: number, stop: number) => Promise<string[]>,
): Promise<string[]> {
  const [first, last] = await Promise.all([range(0, count - 1), range(-count, -1)])
  return [...new Set([...first, ...last])]
}

/** Adds up the queues that answer. */
export function combine(readings: readonly ShardReading[]): WholeQueueStatus {
  const parts = readings.flatMap(({ status }) => (status === null ? [] : [status]))
  const sumOf = (count: (part: QueueStatus) => number) => parts.reduce((sum, part) => sum + count(part), 0)
  return {
    jobs: Object.fromEntries(
      jobStates.map((state) => [state, sumOf(({ jobs }) => jobs[state])]),
    ) as QueueStatus['jobs'],
    deliveries: sumOf(({ deliveries }) => deliveries),
    oldestWaitingSeconds: Math.max(...parts.map((part) => part.oldestWaitingSeconds)),
    isPaused: parts.some((part) => part.isPaused),
    awayShards: readings.filter(({ status }) => status === null).map(({ shard }) => shard),
  }
}
