import { batchLimits, type Delivery, sizeOfDelivery } from '@vss-pipeline/delivery'
import { type Producer, QueueUnavailableError } from '@vss-pipeline/queue'
import { CommitTimeoutError, createGroupCommit, type Progress } from '@vss-pipeline/runtime'
import type { IngestMetrics } from './metrics.ts'
import { SpoolUnavailableError } from './spool/spool.ts'
import type { Spooler } from './spool/spooler.ts'
import type { WaitingBytes } from './waiting-bytes.ts'

/** How long a batch may wait for company while others wait for workers anyway. */
const longestLingerMs = 50
/** What a delivery takes in memory besides its body, about. */
const bytesPerDelivery = 1_024

/** Neither the queue nor a spool takes the delivery now: it is away, full or too slow. */
export class NotKeptError extends Error {
  readonly code = 'not_kept'
  override readonly name = 'NotKeptError'
}

/** Resolves when the delivery is durable. @throws NotKeptError when that did not happen in time; what else is a bug. */
export type Keep = (delivery: Delivery) => Promise<void>

/**
 * Makes deliveries durable: in the queue, or where there is a spool and the queue is away, there. Those that wait
 * for it take their memory from `waiting`; where that has no more, they are refused at once.
 */
export function createKeep(options: {
  enqueue: Keep
  spooler: Spooler | undefined
  metrics: IngestMetrics
  progress: Progress
  waiting: WaitingBytes
}): Keep {
  const { enqueue, spooler, metrics, progress, waiting } = options

  async function enqueueOrSpool(delivery: Delivery): Promise<void> {
    if (spooler === undefined) return await enqueue(delivery)
    if (!spooler.isQueueAway) {
      try {
        return await enqueue(delivery)
      } catch (error) {
        // It may be in the queue all the same: the ledger takes it once.
        if (!isOutage(error)) throw error
      }
    }
    await spooler.keep(delivery)
    metrics.spooled()
  }

  return async function keep(delivery) {
    const bytes = delivery.body.length + bytesPerDelivery
    if (!waiting.take(bytes)) throw new NotKeptError('too many deliveries wait to be kept')
    progress.begin()
    try {
      await enqueueOrSpool(delivery)
    } catch (cause) {
      if (!isOutage(cause)) throw cause
      throw new NotKeptError('nothing takes the delivery now', { cause })
    } finally {
      waiting.giveBack(bytes)
      progress.end()
    }
  }
}

function isOutage(error: unknown): boolean {
  return (
    error instanceof QueueUnavailableError ||
    error instanceof SpoolUnavailableError ||
    error instanceof CommitTimeoutError
  )
}

/**
 * Makes deliveries durable in the queue, in batches: what arrives while an enqueue is under way shares the next.
 *
 * @param options.enqueueTimeoutMs From receipt, waiting for a turn included.
 */
export function createEnqueue(options: {
  producer: Pick<Producer, 'enqueue' | 'isBacklogged'>
  metrics: IngestMetrics
  enqueueTimeoutMs: number
}): Keep {
  const { producer, metrics, enqueueTimeoutMs } = options

  const lingerMs = Math.min(longestLingerMs, enqueueTimeoutMs / 4)

  async function enqueueBatch(deliveries: Delivery[]): Promise<void> {
    const startedAt = performance.now()
    metrics.batchFormed(deliveries.length)
    try {
      await producer.enqueue(deliveries)
    } finally {
      metrics.enqueueTook((performance.now() - startedAt) / 1000)
    }
  }

  const batches = createGroupCommit<Delivery>({
    commit: enqueueBatch,
    sizeOf: sizeOfDelivery,
    ...batchLimits,
    // While Redis makes one batch durable the next are on their way, as long as each is worth a job.
    maxInFlight: 4,
    minCountBeside: 32,
    // Larger batches take less room in Redis, and less work.
    lingerMs: () => (producer.isBacklogged ? lingerMs : 0),
  })

  return function enqueue(delivery) {
    const remainingMs = delivery.receivedAtMs + enqueueTimeoutMs - Date.now()
    return batches.submit(delivery, Math.min(Math.max(remainingMs, 0), enqueueTimeoutMs))
  }
}
