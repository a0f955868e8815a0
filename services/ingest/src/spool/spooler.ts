import { setTimeout as delay } from 'node:timers/promises'
import { batchLimits, type Delivery, sizeOfDelivery } from '@vss-pipeline/delivery'
import { type Producer, QueueUnavailableError } from '@vss-pipeline/queue'
import { CommitTimeoutError, createBackoff, createGroupCommit } from '@vss-pipeline/runtime'
import { createTeller, type Logger } from '@vss-pipeline/runtime/service'
import { v7 as uuidv7 } from 'uuid'
import type { Spool } from './spool.ts'

// How often a queue that is away is asked again: soon enough that its return is noticed within a second.
const retryDelayMs = createBackoff({ firstMs: 100, longestMs: 500 })
/** How often an idle spooler looks for what instances that are gone have left. */
const adoptionIntervalMs = 10_000
/** How long a disk may take to keep a delivery; the sender waits for it. */
const appendTimeoutMs = 5_000
/** After a refusal the spool is taken to be full for this long. */
const refusalCountsMs = 10_000

/** Keeps deliveries on disk while the queue does not take them, and enqueues them, oldest first, when it does. */
export interface Spooler {
  /** True from a failed enqueue until one succeeds: what arrives meanwhile need not wait for the next failure. */
  readonly isQueueAway: boolean
  /** Whether it is of use while the queue is away: it has room, and its disk did not refuse just now. */
  readonly takesDeliveries: boolean
  /** It holds deliveries that it cannot give back: somebody has to see to its disk. */
  readonly isWithholding: boolean
  /** Resolves when the delivery, which the queue has not taken, is on disk. Throws when it cannot be. */
  keep(delivery: Delivery): Promise<void>
  /** Enqueues what it can, while the queue takes it. The rest stays in the spool, for the next start. */
  close(): Promise<void>
}

/** @param deps.closeTimeoutMs How long `close` may go on enqueuing. */
export function createSpooler(deps: {
  spool: Spool
  producer: Pick<Producer, 'enqueue'>
  logger: Logger
  closeTimeoutMs: number
}): Spooler {
  const { spool, producer, logger, closeTimeoutMs } = deps
  const stop = new AbortController()
  let stopsAtMs = Number.POSITIVE_INFINITY
  let isQueueAway = false
  let isWithholding = false
  let refusedAtMs = Number.NEGATIVE_INFINITY
  let returned = 0
  /** From the head of the spool, on its way to the queue or there already; forgotten when the spool forgets it. */
  let head: { batchId: string; deliveries: Delivery[]; through: number; isEnqueued: boolean } | undefined
  let wake: (() => void) | undefined
  const told = createTeller<'spooling' | 'refusing' | 'withholding' | 'orphans'>(logger)
  if (spool.reserveProblem !== undefined) {
    logger.error(
      { reason: spool.reserveProblem },
      `the spool takes nothing: make room on the disk of ${spool.dir}`,
    )
  }

  const appends = createGroupCommit<Delivery>({
    commit: (deliveries) => spool.append(deliveries),
    sizeOf: sizeOfDelivery,
    ...batchLimits,
    maxInFlight: 1,
  })

  /** @returns false when there was nothing in the spool. */
  async function returnOldest(): Promise<boolean> {
    if (head === undefined) {
      const batch = await spool.oldest()
      if (batch === null) return false
      head = { ...batch, batchId: uuidv7(), isEnqueued: false }
    }
    if (!head.isEnqueued) {
      await producer.enqueue(head.deliveries, head.batchId)
      head.isEnqueued = true
      isQueueAway = false
      returned += head.deliveries.length
    }
    await spool.remove(head.through)
    head = undefined
    told.over('refusing')
    refusedAtMs = Number.NEGATIVE_INFINITY
    return true
  }

  async function returnAll(): Promise<void> {
    for (let failures = 0; performance.now() < stopsAtMs; ) {
      try {
        const isReturned = await returnOldest()
        isWithholding = false
        told.over('withholding')
        if (isReturned) {
          failures = 0
          continue
        }
        if (stop.signal.aborted) return
        if (returned > 0) logger.info({ deliveries: returned }, 'what was spooled is in the queue')
        returned = 0
        told.over('spooling')
        if (!(await adopt())) await untilSpooled()
      } catch (error) {
        if (stop.signal.aborted) return
        if (error instanceof QueueUnavailableError) isQueueAway = true
        else withhold(error)
        await pause(retryDelayMs(failures++), stop.signal)
      }
    }
  }

  function withhold(error: unknown): void {
    isWithholding = true
    const remedy = `make room on the disk of ${spool.dir}, or mend it`
    told.repeatedly('withholding', 'error', `the spool does not give back what it holds: ${remedy}`, {
      err: error,
      deliveries: spool.content.deliveries,
    })
  }

  /** @returns whether there was something to take over. */
  async function adopt(): Promise<boolean> {
    try {
      const adopted = await spool.adopt()
      told.over('orphans')
      if (adopted > 0) logger.info({ deliveries: adopted }, 'took over what another instance had spooled')
      return adopted > 0
    } catch (error) {
      told.once('orphans', 'error', 'what another instance has spooled cannot be taken over', { err: error })
      return false
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
    get takesDeliveries() {
      return spool.hasRoom && performance.now() - refusedAtMs > refusalCountsMs
    },
    get isWithholding() {
      return isWithholding
    },
    async keep(delivery) {
      isQueueAway = true
      try {
        await appends.submit(delivery, appendTimeoutMs)
      } catch (error) {
        refusedAtMs = performance.now()
        told.once('refusing', 'error', 'the queue is away, and the spool does not take deliveries', {
          err: error,
        })
        // With nothing to return, or a disk that hangs, nobody else would find the queue again.
        if (spool.content.deliveries === 0 || error instanceof CommitTimeoutError) isQueueAway = false
        throw error
      }
      told.once('spooling', 'warn', 'the queue is away: deliveries are kept in the spool')
      wake?.()
    },
    async close() {
      stopsAtMs = performance.now() + closeTimeoutMs
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
