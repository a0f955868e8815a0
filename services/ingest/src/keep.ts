import type { Producer } from '@vss-pipeline/queue'
import { batchLimits } from '@vss-pipeline/queue'
import { createGroupCommit } from '@vss-pipeline/runtime'
import type { Delivery } from '@vss-pipeline/vss'
import type { IngestMetrics } from './metrics.ts'

/** How long a batch may wait for company while others wait for workers anyway. */
const longestLingerMs = 50

/** Resolves when the delivery is durable; throws when that did not happen in time. */
export type Keep = (delivery: Delivery) => Promise<void>

/**
 * Makes deliveries durable in the queue, in batches: what arrives while an enqueue is under way shares the next.
 *
 * @param options.enqueueTimeoutMs From receipt, waiting for a turn included.
 */
export function createKeep(options: {
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
    sizeOf: ({ body }) => ({ count: 1, bytes: body.length }),
    ...batchLimits,
    // While Redis makes one batch durable the next are on their way, as long as each is worth a job.
    maxInFlight: 4,
    minCountBeside: 32,
    // Larger batches take less room in Redis, and less work.
    lingerMs: () => (producer.isBacklogged ? lingerMs : 0),
  })

  return function keep(delivery) {
    const remainingMs = delivery.receivedAtMs + enqueueTimeoutMs - Date.now()
    return batches.submit(delivery, Math.min(Math.max(remainingMs, 0), enqueueTimeoutMs))
  }
}
