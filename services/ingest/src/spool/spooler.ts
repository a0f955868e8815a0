import { setTimeout as delay } from 'node:timers/promises'
import { batchLimits, type Delivery, sizeOfDelivery } from '@vss-pipeline/delivery'
import { type Producer, QueueUnavailableError } from '@vss-pipeline/queue'
import {
  CommitTimeoutError,
  createBackoff,
  createGroupCommit,
  operations,
  runOperation,
} from '@vss-pipeline/runtime'
import { createTeller, type Logger } from '@vss-pipeline/runtime/service'
import { createDisk } from './disk.ts'
import { createMoveOldest } from './head.ts'
import type { Spool } from './spool.ts'

// Short, so that the queue's return is noticed within a second.
const retryDelayMs = createBackoff({ firstMs: 100, longestMs: 500 })
/** How often an idle spooler looks for deliveries of instances that are gone. */
const adoptionIntervalMs = 10_000
/** How long a disk may take to keep a delivery. The sender waits for it. */
const appendTimeoutMs = 5_000

/** Keeps deliveries on disk while the queue does not take them. When it does, enqueues them, oldest first. */
export interface Spooler {
  /** True from a failed enqueue until one succeeds. Until then, deliveries go to the spool without trying the queue. */
  readonly isQueueAway: boolean
  /** Whether a delivery could be kept now: there is room, and the disk did not refuse one just now. */
  readonly takesDeliveries: boolean
  /** Whether it cannot give back the deliveries that it holds: its disk has to be mended. */
  readonly isWithholding: boolean
  /** Resolves when a delivery that the queue has not taken is on disk. @throws when it cannot be kept. */
  keep(delivery: Delivery): Promise<void>
  /** Enqueues deliveries while the queue takes them. The rest stays in the spool for the next start. */
  close(): Promise<void>
}

/**
 * @param deps.adopt takes over deliveries of instances that are gone, into the spool.
 * @param deps.closeTimeoutMs How long `close` may go on enqueuing.
 */
export function createSpooler(deps: {
  spool: Spool
  adopt: () => Promise<number>
  producer: Pick<Producer, 'enqueue'>
  logger: Logger
  closeTimeoutMs: number
}): Spooler {
  const { spool, producer, logger, closeTimeoutMs } = deps
  const disk = createDisk({ spool, logger })
  const told = createTeller<'spooling' | 'orphans'>(logger)
  const stop = new AbortController()
  let stopsAtMs = Number.POSITIVE_INFINITY
  let queue: 'taking' | 'away' = 'taking'
  let wake: (() => void) | undefined

  const appends = createGroupCommit<Delivery>({
    commit: (deliveries) =>
      runOperation(
        operations.spool,
        (startedMs) => ({ startedMs, deliveries }),
        () => spool.append(deliveries),
      ),
    sizeOf: sizeOfDelivery,
    ...batchLimits,
    maxInFlight: 1,
  })

  const moveOldest = createMoveOldest({
    spool,
    async enqueue(deliveries, batchId) {
      await producer.enqueue(deliveries, batchId)
      queue = 'taking'
    },
  })

  /** Moves all deliveries to the queue, as they come, until the spooler is closed. */
  async function moveAll(): Promise<void> {
    let failures = 0
    let movedSinceEmpty = 0
    while (performance.now() < stopsAtMs) {
      try {
        const moved = await moveOldest()
        disk.gaveBack()
        if (moved > 0) {
          disk.freed()
          failures = 0
          movedSinceEmpty += moved
          continue
        }
        if (stop.signal.aborted) return
        if (movedSinceEmpty > 0)
          logger.info({ deliveries: movedSinceEmpty }, 'the spooled deliveries are in the queue')
        movedSinceEmpty = 0
        told.over('spooling')
        if (!(await adopt())) await untilSpooled()
      } catch (error) {
        if (stop.signal.aborted) return
        if (error instanceof QueueUnavailableError) queue = 'away'
        else disk.withheld(error)
        await pause(retryDelayMs(failures++), stop.signal)
      }
    }
  }

  /** @returns whether there was something to take over. */
  async function adopt(): Promise<boolean> {
    try {
      const adopted = await deps.adopt()
      told.over('orphans')
      if (adopted > 0)
        logger.info({ deliveries: adopted }, 'took over deliveries that another instance had spooled')
      return adopted > 0
    } catch (error) {
      told.once('orphans', 'error', 'deliveries that another instance has spooled cannot be taken over', {
        err: error,
      })
      return false
    }
  }

  /** Resolves when a delivery is in the spool, at the close, or when it is time to look for orphans. */
  async function untilSpooled(): Promise<void> {
    // A delivery may have come during the look for orphans.
    if (spool.content.deliveries > 0) return
    const woken = new AbortController()
    wake = () => woken.abort()
    await pause(adoptionIntervalMs, AbortSignal.any([woken.signal, stop.signal]))
    wake = undefined
  }

  const moving = moveAll()

  return {
    get isQueueAway() {
      return queue === 'away'
    },
    get takesDeliveries() {
      return spool.hasRoom && !disk.isRefusing
    },
    get isWithholding() {
      return disk.isWithholding
    },
    async keep(delivery) {
      queue = 'away'
      try {
        await appends.submit(delivery, appendTimeoutMs)
      } catch (error) {
        disk.refused(error)
        // An empty spool and one whose disk hangs enqueue nothing: the next delivery has to try the queue itself.
        if (spool.content.deliveries === 0 || error instanceof CommitTimeoutError) queue = 'taking'
        throw error
      }
      told.once('spooling', 'warn', 'the queue is away: deliveries are kept in the spool')
      wake?.()
    },
    async close() {
      stopsAtMs = performance.now() + closeTimeoutMs
      stop.abort()
      await moving
      const { deliveries } = spool.content
      if (deliveries > 0) logger.warn({ deliveries }, 'deliveries stay in the spool for the next start')
      await spool.close()
    },
  }
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await delay(ms, undefined, { signal, ref: false }).catch(() => undefined)
}
