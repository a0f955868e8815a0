import { setTimeout as delay } from 'node:timers/promises'
import { batchLimits } from '@vss-pipeline/delivery'
import { createBackoff, createGroupCommit, type Progress } from '@vss-pipeline/runtime'
import { createTeller, type Logger } from '@vss-pipeline/runtime/service'
import { type Recorded, StorageFault, type Writer } from '@vss-pipeline/storage'
import type { LedgerEntry } from '@vss-pipeline/vss'

/** The longest delay is under a second, so that the return of the database is noticed within a second. */
const retryDelayMs = createBackoff({ firstMs: 100, longestMs: 800 })

/**
 * Each wait for a lock takes up to 5 s. Four take longer than Postgres keeps the locks of a worker that vanished. After
 * them the batches make room for others, which may not need the lock.
 */
const mostLockWaits = 4

/** A flush takes milliseconds. A server that has gone silent must not hold up a stop. */
const stopPatienceMs = 3_000

/** Faults that pass by themselves while batches wait in hand, with the log lines for their begin and end. */
const obstacles = {
  database_unavailable: {
    begins: 'the database is away: batches wait in hand',
    ends: 'the database is back',
  },
  schema_missing: {
    begins: 'a table or a column of schema vss is missing: batches wait in hand until vss migrate has run',
    ends: 'the tables of schema vss are there',
  },
  permission_denied: {
    begins: 'the role of DATABASE_URL may not write: batches wait in hand until it has vss_writer',
    ends: 'the role of DATABASE_URL may write',
  },
  database_busy: {
    begins: 'another connection holds a lock that a flush needs: batches wait in hand',
    ends: 'the flush has got the lock that another connection held',
  },
} as const

type Obstacle = keyof typeof obstacles

const obstacleTexts = Object.entries(obstacles) as [Obstacle, (typeof obstacles)[Obstacle]][]

/** Counts the transactions and their outcomes. */
export interface WriteMetrics {
  /** Called after each commit. */
  flushed(rows: number, seconds: number): void
  /** Counts the entries that the ledger recorded and no others, so that a batch that runs twice counts once. */
  settled(recorded: Recorded[]): void
}

export interface Write {
  /**
   * Resolves when the entries are committed. Entries that arrive during a flush share the next transaction.
   *
   * While the database is away, has no tables yet or refuses the role, the flush tries again without end. While another
   * connection holds a lock that it needs, it tries a few times. Any other fault is thrown, and the queue brings the batch
   * back later. When the worker stops, the flush tries no more: it throws, after at most 3 s when a transaction is in flight.
   */
  write(entries: LedgerEntry[]): Promise<void>
  /** Commits the entries in a transaction of their own. It tries once. @throws StorageFault */
  writeOnce(entries: LedgerEntry[]): Promise<void>
}

/**
 * Makes the last step: it writes entries to Postgres, many in a transaction, and counts their outcomes. `flush` of
 * packages/storage/src/flush.ts decides the outcomes: `stored`, `duplicate`, `superseded`.
 *
 * @param deps.stopping aborts when the worker is told to stop
 */
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
    const told = createTeller<Obstacle>(logger)
    let lockWaits = 0
    for (let attempt = 0; ; attempt++) {
      try {
        await writeOnce(entries)
        for (const [obstacle, { ends }] of obstacleTexts) told.over(obstacle, ends)
        return
      } catch (error) {
        const obstacle = obstacleOf(error)
        if (obstacle === 'database_busy') lockWaits++
        if (obstacle === undefined || lockWaits >= mostLockWaits || stopping.aborted) throw error
        told.once(obstacle, 'warn', obstacles[obstacle].begins, { err: error })
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
 * Waits for a write, but only a short time once the worker stops: then it throws, and the batches go back to the queue.
 * If the write is committed after all, the ledger drops the deliveries when they come again.
 */
async function unlessStopped(write: Promise<void>, stopping: AbortSignal): Promise<void> {
  const { promise: givenUp, reject } = Promise.withResolvers<never>()
  let timer: NodeJS.Timeout | undefined
  function onStop(): void {
    timer = setTimeout(
      () =>
        reject(
          new Error(`the worker stops, and the database did not answer within ${stopPatienceMs / 1000} s`),
        ),
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
