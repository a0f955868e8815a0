import { batchLimits, type Delivery, sizeOfDelivery } from '@vss-pipeline/delivery'
import { type Producer, QueueUnavailableError } from '@vss-pipeline/queue'
import { CommitTimeoutError, createGroupCommit, type Linger, type Progress } from '@vss-pipeline/runtime'
import type { IngestMetrics } from './metrics.ts'
import { SpoolUnavailableError } from './spool/spool.ts'
import type { Spooler } from './spool/spooler.ts'
import type { WaitingBytes } from './waiting-bytes.ts'
import type { InHand, MarkTelling } from './watermark.ts'

/**
 * How a small batch waits for more deliveries while other batches wait for workers anyway. A sender that waits for each
 * answer before it posts again, with no other beside it, waits for the pause.
 */
const longestLinger: Linger = { pauseMs: 40, mostMs: 125 }
/** The bytes of memory that a delivery takes besides its body, about. */
const bytesPerDelivery = 1_024

/** The delivery could not be kept: queue and spool are away, full or too slow. */
export class NotKeptError extends Error {
  readonly code = 'not_kept'
  override readonly name = 'NotKeptError'
}

/** Resolves when the delivery is durable. @throws NotKeptError when it is not in time. Every other error is a bug. */
export type Keep = (delivery: Delivery) => Promise<void>

/**
 * Makes deliveries durable in the queue, or in the spool while the queue is away and there is a spool. While a delivery
 * waits, `waiting` counts its memory. Where there is no room for it, the delivery is refused at once.
 */
export function createKeep(deps: {
  enqueue: Keep
  spooler: Spooler | undefined
  inHand: Pick<InHand, 'enter' | 'leave'>
  mark: Pick<MarkTelling, 'isKnown'>
  metrics: IngestMetrics
  progress: Progress
  waiting: WaitingBytes
}): Keep {
  const { enqueue, spooler, inHand, mark, metrics, progress, waiting } = deps

  async function enqueueOrSpool(delivery: Delivery): Promise<void> {
    if (spooler === undefined) return await enqueue(delivery)
    if (!spooler.isQueueAway) {
      try {
        return await enqueue(delivery)
      } catch (error) {
        // The queue may have it all the same; the ledger takes it once.
        if (!isOutage(error)) throw error
      }
    }
    await spooler.keep(delivery)
    metrics.spooled()
  }

  return async function keep(delivery) {
    if (!mark.isKnown) throw new NotKeptError('Redis has not been reached since the start')
    const bytes = delivery.body.length + bytesPerDelivery
    if (!waiting.take(bytes)) throw new NotKeptError('too many deliveries wait to be kept')
    progress.begin()
    const cohort = inHand.enter(delivery)
    try {
      await enqueueOrSpool(delivery)
    } catch (cause) {
      if (!isOutage(cause)) throw cause
      throw new NotKeptError('nothing takes the delivery now', { cause })
    } finally {
      inHand.leave(cohort)
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
 * Makes deliveries durable in the queue, in batches: deliveries that arrive during an enqueue share the next one.
 *
 * @param deps.enqueueTimeoutMs Counts from the receipt of a delivery, its wait for a batch included.
 */
export function createEnqueue(deps: {
  producer: Pick<Producer, 'enqueue' | 'isBacklogged'>
  metrics: IngestMetrics
  enqueueTimeoutMs: number
}): Keep {
  const { producer, metrics, enqueueTimeoutMs } = deps
  const linger = { ...longestLinger, mostMs: Math.min(longestLinger.mostMs, enqueueTimeoutMs / 4) }

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
    // Further batches are on their way while Redis makes one durable, as long as each is large enough to be a job.
    maxInFlight: 4,
    minCountBeside: 32,
    // Where deliveries wait for workers anyway, larger batches save room in Redis, and work.
    linger: () => (producer.isBacklogged ? linger : undefined),
  })

  return function enqueue(delivery) {
    const remainingMs = delivery.receivedAtMs + enqueueTimeoutMs - Date.now()
    return batches.submit(delivery, Math.min(Math.max(remainingMs, 0), enqueueTimeoutMs))
  }
}
