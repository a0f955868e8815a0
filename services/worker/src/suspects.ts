import { type Delivery, traceOf } from '@vss-pipeline/delivery'
import {
  createPipeline,
  decode,
  endOf,
  enrich,
  isRejected,
  type Rejected,
  reject,
  rejectUndecodable,
  validate,
  type Write,
} from '@vss-pipeline/pipeline'
import type { BatchEnd, BatchInHand } from '@vss-pipeline/queue'
import type { Logger } from '@vss-pipeline/runtime/service'

/** The suspect if this worker dies now, and how often it has been started alone. The note is kept with the job. */
interface Trail {
  /** `batch` for the whole batch, `decode` for its unpacking, or the id of one delivery. */
  suspect: string
  starts: number
}

const fatalStarts = 3

/**
 * Processes a batch whose earlier worker never answered. The batch runs alone, first as a whole. If that kills this
 * worker too, its deliveries run one at a time. A delivery that killed its worker three times alone is rejected as
 * `kills_worker`. A batch that did no harm, because Redis restarted or another batch killed the worker, is done at the
 * first try.
 *
 * @param deps.writeOnce writes without waiting for a database that is away: a kill during such a wait must not count
 *   against the delivery in hand.
 */
export function createSuspectProcessor(deps: { writeOnce: Write['writeOnce']; logger: Logger }) {
  const { writeOnce, logger } = deps
  const processBatch = createPipeline({ write: writeOnce })

  return async function processSuspect(batch: BatchInHand): Promise<BatchEnd> {
    const trail = readTrail(batch.trail)
    if (trail === undefined) {
      return await underSuspicion(batch, { suspect: 'batch', starts: 1 }, () => processBatch(batch))
    }
    const items = await decodeSuspect(batch, trail)
    // Deliveries before the last suspect are in the ledger already.
    const firstIndex = Math.max(
      0,
      items.findIndex(({ deliveryId }) => deliveryId === trail.suspect),
    )
    for (const item of items.slice(firstIndex)) await processAlone(batch, trail, item)
    return endOf(items)
  }

  async function decodeSuspect(batch: BatchInHand, trail: Trail): Promise<(Delivery | Rejected)[]> {
    const starts = startsOf(trail, 'decode')
    if (starts >= fatalStarts) return batch.deliveryIds.map(rejectUndecodable)
    return underSuspicion(batch, { suspect: 'decode', starts: starts + 1 }, async () => decode(batch))
  }

  async function processAlone(batch: BatchInHand, trail: Trail, item: Delivery | Rejected): Promise<void> {
    const { deliveryId } = item
    const starts = startsOf(trail, deliveryId)
    if (starts >= fatalStarts && !isRejected(item)) {
      logger.error({ deliveryId, ...traceOf(item), starts }, 'a delivery kills its worker: it is rejected')
      await writeOnce([rejectKiller(item)])
      return
    }
    await underSuspicion(batch, { suspect: deliveryId, starts: starts + 1 }, async () => {
      await writeOnce([enrich(validate(item))])
    })
  }

  /** Leaves a note before the work, so that the next worker knows the suspect if this process dies. */
  async function underSuspicion<Result>(
    batch: BatchInHand,
    trail: Trail,
    work: () => Promise<Result>,
  ): Promise<Result> {
    await batch.saveTrail(trail)
    try {
      return await work()
    } catch (error) {
      // A fault that was thrown has not killed the worker.
      await batch.saveTrail({ ...trail, starts: trail.starts - 1 }).catch(() => undefined)
      throw error
    }
  }
}

function startsOf(trail: Trail, suspect: string): number {
  return trail.suspect === suspect ? trail.starts : 0
}

function readTrail(note: unknown): Trail | undefined {
  if (typeof note !== 'object' || note === null) return undefined
  const { suspect, starts } = note as Partial<Trail>
  if (typeof suspect !== 'string' || typeof starts !== 'number') return undefined
  return suspect === 'batch' && starts === 0 ? undefined : { suspect, starts }
}

function rejectKiller(delivery: Delivery): Rejected {
  return reject(delivery, [
    {
      code: 'kills_worker',
      path: '',
      message: `processing it ended its worker ${fatalStarts} times, each time alone`,
    },
  ])
}
