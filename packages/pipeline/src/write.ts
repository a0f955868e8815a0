import { setTimeout as delay } from 'node:timers/promises'
import { batchLimits } from '@vss-pipeline/delivery'
import { createBackoff, createGroupCommit, type Progress } from '@vss-pipeline/runtime'
import type { Logger } from '@vss-pipeline/runtime/service'
import { type Recorded, StorageFault, type Writer } from '@vss-pipeline/storage'
import type { LedgerEntry } from '@vss-pipeline/vss'

// How often a database that is away is asked again: soon enough that its return is noticed within a second.
const retryDelayMs = createBackoff({ firstMs: 100, longestMs: 800 })

/**
 * With 5 s for each: longer than Postgres keeps the locks of a worker that vanished. Beyond that the batches make room
 * for others, which may have nothing to do with what is locked.
 */
const mostLockWaits = 4

/** A flush takes milliseconds; a server that has gone silent would be waited for for longer than a stop may take. */
const stopPatienceMs = 3_000

/** Faults that pass while batches wait in hand, and what the log says of them. */
const obstacles = {
  database_unavailable: {
    begins: 'the database is away: batches wait in hand',
    ends: 'the database is back',
  },
  schema_missing: {
    begins: 'a table of schema vss is missing: batches wait in hand until vss migrate has run',
    ends: 'the tables of schema vss are there',
  },
  permission_denied: {
    begins: 'the role of DATABASE_URL may not write: batches wait in hand until it has vss_writer',
    ends: 'the role of DATABASE_URL may write',
  },
  database_busy: {
    begins: 'another connection holds what a flush is to write: batches wait in hand',
    ends: 'a flush has what another connection held',
  },
} as const

type Obstacle = keyof typeof obstacles

/** Told of each transaction. */
export interface WriteMetrics {
  /** A transaction was committed. */
  flushed(rows: number, seconds: number): void
  /** Counts what the ledger recorded, and nothing else: a batch that runs twice is not counted twice. */
  settled(recorded: Recorded[]): void
}

export interface Write {
  /**
   * Resolves when the entries are committed. Entries that arrive while a flush is under way share the next
   * transaction. While the database is away, has no tables yet or refuses the role, the flush waits in hand and tries
   * again, without end; where others hold what it is to write, a few times. Any other fault is thrown, for the queue to
   * bring the batch back later. A worker that stops waits no longer, and at most 3 s for a flush in flight: it throws.
   */
  write(entries: LedgerEntry[]): Promise<void>
  /** Commits the entries by themselves, at the first try or not at all. @throws StorageFault */
  writeOnce(entries: LedgerEntry[]): Promise<void>
}

/** The last step: rows into Postgres, coalesced, and every outcome counted in one place. */
export function createWrite(deps: {
  writer: Writer
  metrics: WriteMetrics
  logger: Logger
  progress: Progress
  stopping: AbortSignal
}): Write {
  const { writer, metrics, logger, progress, stopping } = deps

  async function writeAndCount(entries: LedgerEntry[]): Promise<void> {
    progress.step()
    const startedAt = performance.now()
    const recorded = await writer.write(entries)
    metrics.flushed(entries.length, (performance.now() - startedAt) / 1000)
    metrics.settled(recorded)
  }

  async function writeOnce(entries: LedgerEntry[]): Promise<void> {
    await unlessStopped(writeAndCount(entries), stopping)
  }

  async function writeWhenPossible(entries: LedgerEntry[]): Promise<void> {
    let met: Obstacle | undefined
    let lockWaits = 0
    for (let attempt = 0; ; attempt++) {
      try {
        await writeOnce(entries)
        if (met !== undefined) logger.info(obstacles[met].ends)
        return
      } catch (error) {
        const obstacle = obstacleOf(error)
        if (obstacle === 'database_busy') lockWaits++
        if (obstacle === undefined || lockWaits >= mostLockWaits || stopping.aborted) throw error
        if (obstacle !== met) logger.warn({ err: error }, obstacles[obstacle].begins)
        met = obstacle
        await delay(retryDelayMs(attempt), undefined, { signal: stopping })
      }
    }
  }

  const flushes = createGroupCommit<LedgerEntry[]>({
    commit: (batches) => writeWhenPossible(batches.flat()),
    sizeOf: (entries) => ({ count: entries.length, bytes: bodyBytes(entries) }),
    ...batchLimits,
    maxInFlight: 3,
  })

  return { write: (entries) => flushes.submit(entries), writeOnce }
}

/**
 * Waits for a write, but in a worker that stops not for long: its batches go back to the queue. Should it be committed
 * after all, the ledger drops them when they come again.
 */
async function unlessStopped(write: Promise<void>, stopping: AbortSignal): Promise<void> {
  const { promise: givenUp, reject } = Promise.withResolvers<never>()
  let timer: NodeJS.Timeout | undefined
  function onStop(): void {
    timer = setTimeout(
      () => reject(new Error('told to stop, and the database does not answer')),
      stopPatienceMs,
    )
  }
  if (stopping.aborted) onStop()
  else stopping.addEventListener('abort', onStop)
  try {
    await Promise.race([write, givenUp])
  } finally {
    clearTimeout(timer)
    stopping.removeEventListener('abort', onStop)
  }
}

function obstacleOf(error: unknown): Obstacle | undefined {
  return error instanceof StorageFault && error.code in obstacles ? (error.code as Obstacle) : undefined
}

function bodyBytes(entries: LedgerEntry[]): number {
  return entries.reduce((sum, { body }) => sum + (body?.length ?? 0), 0)
}
