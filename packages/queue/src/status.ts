import type { Redis } from 'ioredis'
import type { Shard } from './topology.ts'

/** The number of batches that are read from each end of a list, over all shards. */
const sampledBatches = 100

export const jobStates = ['waiting', 'active', 'delayed', 'failed'] as const

export interface QueueStatus {
  /** Batches by state: `delayed` ones met a fault and wait for their retry; there should be no `failed` ones. */
  jobs: Record<(typeof jobStates)[number], number>
  /**
   * Deliveries that are not written yet: waiting, in hand or delayed. The number is exact up to 200 batches a state.
   * Beyond that it is an estimate from the average of the oldest and the newest batches.
   */
  deliveries: number
  /** Seconds since the receipt of the oldest delivery in the batches that were read; 0 without one. */
  oldestWaitingSeconds: number
}

/** Names a job by the number of its deliveries, which is then known without reading the batch. */
export function nameBatch(deliveries: number): string {
  return `batch of ${deliveries}`
}

function countInName(name: string): number {
  return Number(/^batch of (\d+)$/.exec(name)?.[1] ?? 1)
}

/** Reads the depth of all queues together. @throws the error of ioredis when Redis is away. */
export async function readQueueStatus(shards: readonly Shard[], client: Redis): Promise<QueueStatus> {
  return combine(await readShards(shards, client))
}

/** Reads the depth of each queue by itself. @throws the error of ioredis when Redis is away. */
export async function readShards(shards: readonly Shard[], client: Redis): Promise<QueueStatus[]> {
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
  const samples = await Promise.all([
    readSample(waiting, jobs.waiting),
    readSample(active, jobs.active),
    readSample(delayed, jobs.delayed),
  ])
  const oldestMs = Math.min(...samples.map((one) => one.oldestMs))
  return {
    jobs,
    deliveries: samples.reduce((sum, { deliveries }) => sum + deliveries, 0),
    oldestWaitingSeconds: Number.isFinite(oldestMs) ? Math.max(0, (Date.now() - oldestMs) / 1000) : 0,
  }

  /** Reads some batches of a state. @returns the deliveries of all its batches, and the receipt of the oldest read. */
  async function readSample(
    ids: string[],
    batches: number,
  ): Promise<{ deliveries: number; oldestMs: number }> {
    const read = await Promise.all(ids.map((id) => client.hmget(queue.toKey(id), 'name', 'timestamp')))
    // A batch that was done in the meantime has neither.
    const known = read.flatMap(([name, timestamp]) => (name && timestamp ? [{ name, timestamp }] : []))
    if (known.length === 0) return { deliveries: 0, oldestMs: Number.POSITIVE_INFINITY }
    const counted = known.reduce((sum, { name }) => sum + countInName(name), 0)
    return {
      deliveries: batches > ids.length ? Math.round((counted / known.length) * batches) : counted,
      oldestMs: Math.min(...known.map(({ timestamp }) => Number(timestamp))),
    }
  }
}

/** The first and the last `count` ids of a list in Redis, each once. */
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
