import { setTimeout as delay } from 'node:timers/promises'
import { batchLimits, type Producer, QueueUnavailableError } from '@vss-pipeline/queue'
import { createBackoff, createGroupCommit, type Logger } from '@vss-pipeline/runtime'
import type { Delivery } from '@vss-pipeline/vss'
import type { Spool } from './spool.ts'

// How often a queue that is away is asked again: soon enough that its return is noticed within a second.
const retryDelayMs = createBackoff({ firstMs: 100, longestMs: 500 })
/** How often an idle spooler looks for what instances that are gone have left. */
const adoptionIntervalMs = 10_000

/** Keeps deliveries on disk while the queue does not take them, and enqueues them, oldest first, when it does. */
export interface Spooler {
  /** True from a failed enqueue until one succeeds: what arrives meanwhile need not wait for the next failure. */
  readonly isQueueAway: boolean
  /** Resolves when the delivery, which the queue has not taken, is on disk. Throws when it cannot be. */
  keep(delivery: Delivery): Promise<void>
  /** What is still in the spool stays there, for the next start. */
  close(): Promise<void>
}

export function createSpooler(deps: {
  spool: Spool
  producer: Pick<Producer, 'enqueue'>
  logger: Logger
}): Spooler {
  const { spool, producer, logger } = deps
  const stop = new AbortController()
  let isQueueAway = false
  let returned = 0
  /** What is in the queue already and still to be removed from the spool. */
  let enqueuedThrough: number | undefined
  let wake: (() => void) | undefined

  const appends = createGroupCommit<Delivery>({
    commit: (deliveries) => spool.append(deliveries),
    sizeOf: ({ body }) => ({ count: 1, bytes: body.length }),
    ...batchLimits,
    maxInFlight: 1,
    minCountBeside: batchLimits.maxCount,
  })

  /** @returns false when there was nothing in the spool. */
  async function returnOldest(): Promise<boolean> {
    if (enqueuedThrough === undefined) {
      const batch = await spool.oldest()
      if (batch === null) return false
      await producer.enqueue(batch.deliveries)
      isQueueAway = false
      returned += batch.deliveries.length
      enqueuedThrough = batch.through
    }
    await spool.remove(enqueuedThrough)
    enqueuedThrough = undefined
    return true
  }

  async function returnAll(): Promise<void> {
    for (let failures = 0; !stop.signal.aborted; ) {
      try {
        if (await returnOldest()) {
          failures = 0
          continue
        }
        if (returned > 0) logger.info({ deliveries: returned }, 'what was spooled is in the queue')
        returned = 0
        const adopted = await spool.adopt()
        if (adopted > 0) logger.info({ deliveries: adopted }, 'took over what another instance had spooled')
        else await untilSpooled()
      } catch (error) {
        if (error instanceof QueueUnavailableError) isQueueAway = true
        else if (failures === 0) logger.error({ err: error }, 'the spool does not give back what it holds')
        await pause(retryDelayMs(failures++), stop.signal)
      }
    }
  }

  /** Resolves when a delivery was spooled, when we stop, or when it is time to look for orphans. */
  async function untilSpooled(): Promise<void> {
    // Spooled while we were looking at something else.
    if (spool.content.deliveries > 0) return
    const woken = new AbortController()
    wake = () => woken.abort()
    await pause(adoptionIntervalMs, AbortSignal.any([woken.signal, stop.signal]))
    wake = undefined
  }

  const returning = returnAll()

  return {
    get isQueueAway() {
      return isQueueAway
    },
    async keep(delivery) {
      if (!isQueueAway) logger.warn('the queue is away: deliveries are kept in the spool')
      isQueueAway = true
      try {
        await appends.submit(delivery)
      } catch (error) {
        // With nothing in the spool nobody would find the queue again.
        isQueueAway = false
        throw error
      }
      wake?.()
    },
    async close() {
      stop.abort()
      await returning
      const { deliveries } = spool.content
      if (deliveries > 0) logger.warn({ deliveries }, 'deliveries stay in the spool for the next start')
      await spool.close()
    },
  }
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await delay(ms, undefined, { signal, ref: false }).catch(() => undefined)
}
