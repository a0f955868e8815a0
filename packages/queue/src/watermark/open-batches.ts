import { setTimeout as delay } from 'node:timers/promises'
import { createGroupCommit, type GroupCommit } from '@vss-pipeline/runtime'
import type { Job } from 'bullmq'
import type { RedisClient } from '../connection.ts'
import type { Shard } from '../topology.ts'

/**
 * The open batches of a queue are those whose deliveries are not all in the tables. The queue's own lists do not tell
 * which of them has the oldest delivery, because deliveries from a spool come in new batches. A sorted set does: the
 * batch's id, by the receipt of its oldest delivery.
 */
function openBatchesKey(queueKey: string): string {
  return `${queueKey}:open`
}

/** A batch that is open, and the receipt of its oldest delivery in milliseconds since the Unix epoch. */
interface OpenBatch {
  readonly id: string
  readonly oldestMs: number
}

/** Notes that a batch is about to be added. It has to be sent before the batch itself, on the same connection. */
export async function noteOpenBatch(
  client: RedisClient,
  shard: Shard,
  { id, oldestMs }: OpenBatch,
): Promise<void> {
  await client.zadd(openBatchesKey(shard.queue.qualifiedName), oldestMs, id)
}

/** The open batches of a queue with the oldest deliveries, the oldest first. */
export async function readOldestOpen(client: RedisClient, shard: Shard, count: number): Promise<OpenBatch[]> {
  const key = openBatchesKey(shard.queue.qualifiedName)
  const flat = await client.zrange(key, 0, String(count - 1), 'WITHSCORES')
  const batches: OpenBatch[] = []
  for (let at = 0; at < flat.length; at += 2) batches.push({ id: flat[at]!, oldestMs: Number(flat[at + 1]) })
  return batches
}

const retryDelayMs = 500

/**
 * Makes the function that closes the batch of a job, once its deliveries are in the tables. Nobody waits for it: batches
 * that are done meanwhile share the next command. When the process ends first, {@link createAbandonedBatches} does it.
 */
export function createBatchCloser(client: RedisClient) {
  const closings = new Map<string, GroupCommit<string>>()

  function openClosing(queueKey: string): GroupCommit<string> {
    const closing = createGroupCommit<string>({
      async commit(ids) {
        await client.zrem(openBatchesKey(queueKey), ids)
      },
      sizeOf: () => ({ count: 1, bytes: 0 }),
      maxCount: 1_000,
      maxBytes: Number.MAX_SAFE_INTEGER,
      maxInFlight: 1,
    })
    closings.set(queueKey, closing)
    return closing
  }

  return function closeBatch(job: Pick<Job, 'id' | 'queueQualifiedName'>): void {
    const { id, queueQualifiedName: queueKey } = job
    const closing = closings.get(queueKey) ?? openClosing(queueKey)
    closing.submit(id!).catch(async () => {
      if (client.status === 'end') return
      await delay(retryDelayMs, undefined, { ref: false })
      closeBatch(job)
    })
  }
}

/** So many of a queue's open batches, the oldest, are looked at. */
const watchedBatches = 100

const longestGapMs = 5_000

const closeIfGone = `if redis.call('EXISTS', KEYS[2]) == 1 then return 0 end
return redis.call('ZREM', KEYS[1], ARGV[1])`

/**
 * Watches for open batches of a queue that have no job: their ingest ended between the note and the batch, or their
 * worker before it closed them. They are closed when they have had no job for `abandonedAfterMs`.
 *
 * @returns a function that looks, and gives the receipt of the oldest delivery in an open batch, in milliseconds since
 *   the Unix epoch; null when no batch is open.
 */
export function createAbandonedBatches(
  client: RedisClient,
  shard: Shard,
  abandonedAfterMs: number,
): () => Promise<number | null> {
  const { queue } = shard
  /** The times when batches were first seen without a job, in looks that followed each other. */
  let goneSince = new Map<string, number>()
  let lastLookAt = Number.NEGATIVE_INFINITY

  return async function look() {
    const batches = await readOldestOpen(client, shard, watchedBatches)
    const jobs = await Promise.all(batches.map(({ id }) => client.exists(queue.toKey(id))))
    const now = performance.now()
    // Another worker looked meanwhile, and a batch may have had a job.
    if (now - lastLookAt > longestGapMs) goneSince.clear()
    lastLookAt = now
    const gone = batches.filter((_, index) => jobs[index] === 0).map(({ id }) => id)
    goneSince = new Map(gone.map((id) => [id, goneSince.get(id) ?? now]))
    for (const [id, since] of goneSince) {
      if (now - since < abandonedAfterMs) continue
      await client.eval(closeIfGone, 2, openBatchesKey(queue.qualifiedName), queue.toKey(id), id)
    }
    return batches[0]?.oldestMs ?? null
  }
}
