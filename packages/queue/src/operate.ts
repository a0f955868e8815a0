import type { Logger } from '@vss-pipeline/runtime/service'
import type { Job } from 'bullmq'
import { openBatch, UnknownPayloadError } from './codec.ts'
import { withRedis } from './short-connection.ts'
import { countInName, readShards, type ShardReading } from './status.ts'
import { openTopology, type Shard, type Topology } from './topology.ts'
import { noteOpenBatch } from './watermark/open-batches.ts'

/** The queues that an operator works on. */
export interface QueueAddress {
  readonly redisUrl: string
  readonly prefix: string
  readonly logger: Logger
}

/** A batch that met a fault, or could not be read. */
export interface TroubledBatch {
  readonly batchId: string
  readonly state: 'delayed' | 'failed'
  /** 1 for the job of another program. */
  readonly deliveries: number
  readonly tries: number
  /** The last error's message; null where Redis has none. */
  readonly reason: string | null
  /** When the oldest of its deliveries was received: ISO 8601. */
  readonly oldestReceivedAt: string
}

/** One queue with its depth, and the first batches that are in trouble. */
export interface ShardListing extends ShardReading {
  readonly troubled: readonly TroubledBatch[]
}

/**
 * A batch that was set aside as failed. `unreadable` ones are damaged, or of a release that this one does not know; a
 * `gone` one has been removed, and its id is left.
 */
export type FailedBatch = { readonly shard: number; readonly batchId: string } & (
  | { readonly kind: 'readable'; readonly deliveryIds: readonly string[] }
  | { readonly kind: 'unreadable' | 'foreign' | 'gone' }
)

/** So many batches in trouble are listed of each state and shard. */
const listedBatches = 10

/** So many failed batches are looked at in one go, of each shard: each is read. */
const failedBatchesOfPage = 1_000

/** Reading the failed batches may take this long. */
const retryTimeoutMs = 60_000

/** Lists the queues. @throws an Error with the reason when Redis is away. */
export async function listQueues(address: QueueAddress): Promise<ShardListing[]> {
  return await withTopology(address, async (topology) => {
    const readings = await readShards(topology)
    return await Promise.all(
      readings.map(async (reading) => ({
        ...reading,
        troubled: reading.status === null ? [] : await readTroubled(topology.shards[reading.shard]!),
      })),
    )
  })
}

async function readTroubled({ queue }: Shard): Promise<TroubledBatch[]> {
  return [
    ...(await queue.getDelayed(0, listedBatches - 1)).map((job) => toTroubled(job, 'delayed')),
    ...(await queue.getFailed(0, listedBatches - 1)).map((job) => toTroubled(job, 'failed')),
  ]
}

/**
 * Pauses all queues: workers finish the batches in hand and take no more, until {@link resumeQueues}. Batches are added
 * all the same. @throws an Error with the reason when Redis is away.
 */
export async function pauseQueues(address: QueueAddress): Promise<void> {
  await onEach(address, ({ queue }) => queue.pause())
}

/** Lets workers take batches again. @throws an Error with the reason when Redis is away. */
export async function resumeQueues(address: QueueAddress): Promise<void> {
  await onEach(address, ({ queue }) => queue.resume())
}

async function onEach(address: QueueAddress, change: (shard: Shard) => Promise<void>): Promise<void> {
  await withTopology(address, async ({ shards }) => void (await Promise.all(shards.map(change))))
}

/**
 * Reads failed batches, to tell which of them this release can read: a page of up to 1,000 of each shard.
 *
 * @param page.passed by shard, how many of the first failed ones are left out: those that stay as they are
 * @throws an Error when Redis is away.
 */
export async function readFailedBatches(
  address: QueueAddress,
  page: { passed?: ReadonlyMap<number, number>; limit?: number } = {},
): Promise<FailedBatch[]> {
  const { passed, limit = failedBatchesOfPage } = page
  return await withTopology(
    address,
    async ({ shards, client }) => {
      const failed: FailedBatch[] = []
      for (const { index, queue } of shards) {
        const first = passed?.get(index) ?? 0
        const ids = await client.zrange(queue.toKey('failed'), first, String(first + limit - 1))
        // One by one: each may have a megabyte.
        for (const batchId of ids) {
          const job = await queue.getJob(batchId)
          failed.push({ shard: index, batchId, ...(job === undefined ? { kind: 'gone' } : inspect(job)) })
        }
      }
      return failed
    },
    { timeoutMs: retryTimeoutMs },
  )
}

/**
 * Puts a failed batch back into its queue. Its deliveries must not be in the ledger, because workers drop deliveries that
 * are. @throws an Error with the reason when Redis is away, or somebody has put the batch back already.
 */
export async function retryBatch(
  address: QueueAddress,
  batch: Pick<FailedBatch, 'shard' | 'batchId'>,
): Promise<void> {
  await withTopology(address, async ({ shards, client }) => {
    const shard = shards[batch.shard]!
    const job = await shard.queue.getJob(batch.batchId)
    if (job === undefined) throw new Error(`batch ${batch.batchId} is gone`)
    // As for a new batch, Redis gets it first.
    await noteOpenBatch(client, shard, { id: batch.batchId, oldestMs: job.timestamp })
    await job.retry('failed')
  })
}

function inspect(
  job: Job,
): { kind: 'readable'; deliveryIds: readonly string[] } | { kind: 'unreadable' | 'foreign' } {
  try {
    const { deliveryIds, unpack } = openBatch(job.data)
    return unpack() === undefined ? { kind: 'unreadable' } : { kind: 'readable', deliveryIds }
  } catch (error) {
    if (!(error instanceof UnknownPayloadError)) throw error
    return { kind: error.code === 'not_a_batch' ? 'foreign' : 'unreadable' }
  }
}

function toTroubled(job: Job, state: TroubledBatch['state']): TroubledBatch {
  const { id = '', name, attemptsMade, failedReason, timestamp } = job
  return {
    batchId: id,
    state,
    deliveries: countInName(name),
    tries: attemptsMade,
    reason: failedReason || null,
    oldestReceivedAt: new Date(timestamp).toISOString(),
  }
}

/** Does work on the registered shards. */
export async function withTopology<Result>(
  { redisUrl, prefix, logger }: QueueAddress,
  work: (topology: Topology) => Promise<Result>,
  options: { role?: string; timeoutMs?: number } = {},
): Promise<Result> {
  const { role = 'operator', timeoutMs } = options
  return await withRedis({ redisUrl, role, logger, timeoutMs }, async (client) => {
    const topology = openTopology({ client, prefix })
    await topology.update()
    return await work(topology)
  })
}
