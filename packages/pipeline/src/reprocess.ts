import { setTimeout as delay } from 'node:timers/promises'
import {
  deliveriesWait,
  type LedgerPlace,
  type LedgerSelection,
  type Pool,
  type Rejudged,
  readWatermark,
  rejudgePage,
  StorageFault,
} from '@vss-pipeline/storage'
import { enrich } from './enrich.ts'
import { validate } from './validate.ts'

const pageSize = 500

/** A deadlock or a lock that somebody holds passes by itself. */
const mostTries = 5

/** So much longer than its work a page rests while deliveries wait for workers, which need the same database. */
const restWhileWorkersAreBehind = 9
/** Nothing waits while the watermark is this far behind the clock at most. */
const workersAreBehindMs = 3_000
const longestRestMs = 5_000

export interface ReprocessOptions {
  pool: Pool
  selection: LedgerSelection
  /** The release to name in every row that is written. */
  pipelineVersion: string
  /** Tells what would happen, and changes nothing. */
  isDryRun: boolean
  /** The most deliveries a second; as many as workers leave room for by default. */
  deliveriesPerSecond?: number
  /** Ends it after the page in hand. */
  signal?: AbortSignal
}

/** A page of deliveries that have been judged again. */
export interface ReprocessedPage {
  deliveries: Rejudged[]
  /** When the last of them was received: all selected ones before are done. */
  doneUntilMs: number
}

/**
 * Judges deliveries of the ledger again, from their bodies, with today's code: as if each had been received then. The
 * first received come first. A delivery keeps its id and its time of receipt, so that none becomes newer than another.
 *
 * It may be stopped, killed and begun again at any place, and may run beside workers.
 *
 * @throws StorageFault
 */
export async function* reprocess(options: ReprocessOptions): AsyncGenerator<ReprocessedPage> {
  const { pool, selection, pipelineVersion, isDryRun, deliveriesPerSecond, signal } = options
  const limit = Math.min(pageSize, Math.max(1, Math.ceil(deliveriesPerSecond ?? pageSize)))
  let after: LedgerPlace | null = null
  while (!signal?.aborted) {
    const startedAt = performance.now()
    const page: Awaited<ReturnType<typeof rejudgePage>> = await untilDone(() =>
      rejudgePage(pool, {
        selection,
        after,
        limit,
        judge: (delivery) => enrich(validate(delivery)),
        pipelineVersion,
        isDryRun,
      }),
    )
    if (page.next === null) return
    after = page.next
    yield { deliveries: page.deliveries, doneUntilMs: Date.parse(after.receivedAt) }

    const tookMs = performance.now() - startedAt
    if (deliveriesPerSecond !== undefined) {
      await rest((page.deliveries.length / deliveriesPerSecond) * 1000 - tookMs, signal)
    } else if (await areWorkersBehind(pool)) {
      await rest(Math.min(tookMs * restWhileWorkersAreBehind, longestRestMs), signal)
    }
  }
}

async function untilDone<Result>(work: () => Promise<Result>): Promise<Result> {
  for (let tries = 1; ; tries++) {
    try {
      return await work()
    } catch (error) {
      const mayPass =
        error instanceof StorageFault && (error.code === 'database_busy' || error.sqlState === '40P01')
      if (!mayPass || tries >= mostTries) throw error
    }
  }
}

/** Whether deliveries wait in the queue. Without a worker that looks, nothing is known, and nobody is held up. */
async function areWorkersBehind(pool: Pool): Promise<boolean> {
  const { completeUntilMs, reason, updatedAtMs } = await readWatermark(pool)
  if (completeUntilMs === null || updatedAtMs === null) return false
  return reason === deliveriesWait && updatedAtMs - completeUntilMs > workersAreBehindMs
}

async function rest(ms: number, signal: AbortSignal | undefined): Promise<void> {
  if (ms <= 0) return
  await delay(ms, undefined, signal && { signal }).catch((error: unknown) => {
    if (!signal?.aborted) throw error
  })
}
