import { setImmediate, setTimeout as sleep } from 'node:timers/promises'
import { createBackoff } from '@vss-pipeline/runtime'
import { closePool, createPool, type Pool, StorageFault } from '@vss-pipeline/storage'
import { type Change, type Page, selectChanges } from './changes.ts'
import { commitCursor, findStart } from './consumers.ts'
import { FeedError, isOfOtherFeed, isPassing, isWrongAddress, toFeedError } from './feed-error.ts'

export interface FollowOptions {
  /** Of a role that may read the feed, such as vss_reader. */
  databaseUrl: string
  /** A replica of it, to read the changes from. Commits go to `databaseUrl`. */
  readDatabaseUrl?: string | undefined
  /**
   * The name under which Postgres remembers the committed cursor, 1 to 100 characters. Without it nothing is remembered:
   * keep {@link Changes.cursor} yourself, and give it as `from`.
   */
  consumer?: string | undefined
  /**
   * The place to begin at, where the consumer has no committed cursor or there is no consumer: the first change
   * (by default), the present end of the feed, or behind a cursor.
   */
  from?: 'beginning' | 'now' | (string & {}) | undefined
  /** The most changes in a batch, 1 to 10,000; 1,000 unless given. */
  maxRows?: number | undefined
  /** Ends the loop when it aborts. A batch in hand may still be committed. */
  signal?: AbortSignal | undefined
  /** Is called when Postgres cannot be used, once until it can again. Meanwhile everything is tried again. */
  onAway?: ((fault: StorageFault) => void) | undefined
  /** Is called when Postgres can be used again. */
  onBack?: (() => void) | undefined
}

/** A batch of changes, oldest first; never empty. */
export interface Changes extends ReadonlyArray<Change> {
  /** The cursor of the last of them. */
  readonly cursor: string
  /**
   * Remembers that the consumer has dealt with these changes, and all before them. Returns when that is on disk; while
   * Postgres is away it tries again, until the signal aborts.
   *
   * @param upTo the last change that is dealt with, where that is not the last of the batch.
   * @throws FeedError, also with `VF004` when the consumer is further already
   * @throws StorageFault
   */
  commit(upTo?: Change): Promise<void>
}

/** `return()` ends it at once, also while `next()` waits for changes. */
export type Following = AsyncIterableIterator<Changes, undefined, undefined>

const retryDelayMs = createBackoff({ firstMs: 100, longestMs: 5_000 })

/** Two reads begin at least this long apart while changes come, so that a stream of them makes batches, not reads. */
const shortestPauseMs = 50
/** A quiet feed is read this often. */
const longestPauseMs = 1_000
/** Between the two a reader waits for this share of the time since the last change. */
const pauseShare = 0.1

/** A commit does not wait for the read of the next batch. */
const maxConnections = 2

/**
 * Follows the change feed: gives every session that is new or changed, with its call legs, as batches.
 *
 * ```ts
 * for await (const changes of follow({ databaseUrl, consumer: 'billing', signal })) {
 *   for (const { sessionId, session, legs } of changes) await bill(sessionId, session, legs)
 *   await changes.commit()
 * }
 * ```
 *
 * Changes come at least once: those behind the committed cursor come again after a restart. The loop ends when the signal
 * aborts, and by `break`; then its connections are closed. While Postgres is away it waits and connects again. It reads
 * one batch ahead, when the one before it was full, and otherwise only when it is asked. The memory that it needs is
 * that of two batches: each ends after `maxRows` sessions or 4 MiB of call legs.
 *
 * @throws RangeError at once for an option out of bounds
 * @throws FeedError from the loop when the feed refuses the cursor or the consumer
 * @throws StorageFault from the loop when the role may not read, the schema is missing, or the first connection is refused
 */
export function follow(options: FollowOptions): Following {
  checkOptions(options)
  const ending = new AbortController()
  const signal = options.signal ? AbortSignal.any([options.signal, ending.signal]) : ending.signal
  const batches = readBatches(options, signal)
  return {
    next: () => batches.next(),
    async return() {
      ending.abort()
      return await batches.return(undefined)
    },
    [Symbol.asyncIterator]() {
      return this
    },
  }
}

function checkOptions({ consumer, maxRows }: FollowOptions): void {
  if (consumer !== undefined && !(consumer.length > 0 && [...consumer].length <= 100)) {
    throw new RangeError(`consumer has ${consumer.length} characters: it takes 1 to 100`)
  }
  if (maxRows !== undefined && !(Number.isInteger(maxRows) && maxRows >= 1 && maxRows <= 10_000)) {
    throw new RangeError(`maxRows is ${maxRows}: it takes a whole number from 1 to 10000`)
  }
}

async function* readBatches(
  options: FollowOptions,
  signal: AbortSignal,
): AsyncGenerator<Changes, undefined, undefined> {
  if (signal.aborted) return
  const { databaseUrl, readDatabaseUrl, consumer, from = 'beginning', maxRows = 1_000 } = options
  const applicationName = consumer === undefined ? 'vss-follow' : `vss-follow ${consumer}`
  const open = (url: string) => createPool({ databaseUrl: url, maxConnections, applicationName })
  const pool = open(databaseUrl)
  const replica = readDatabaseUrl === undefined ? undefined : open(readDatabaseUrl)
  const reader = replica ?? pool
  const attempt = createAttempt(options, signal)
  let hasEnded = false

  function read(after: string | null): Promise<Page> {
    const page = attempt(async () => {
      try {
        return await selectChanges(reader, { after, maxRows })
      } catch (error) {
        if (replica !== undefined && after !== null && isOfOtherFeed(error))
          await expectLateReplica(pool, after)
        throw error
      }
    })
    // The page may be read ahead, and then perhaps nobody asks for it any more.
    page.catch(() => {})
    return page
  }

  async function commit(cursor: string): Promise<void> {
    if (consumer === undefined) {
      throw new FeedError('no_consumer', 'there is no consumer to commit for: give follow() its name')
    }
    if (hasEnded) {
      throw new FeedError('ended', 'this loop has ended: commit before it does, as before a break')
    }
    await attempt(() => commitCursor(pool, consumer, cursor))
  }

  try {
    let cursor = await unlessAborted(
      attempt(() => findStart(consumer === undefined ? reader : pool, { consumer, from })),
      signal,
    )
    let ahead: Promise<Page> | undefined
    let lastChangeAtMs = performance.now()
    for (;;) {
      const readAtMs = performance.now()
      const page = await unlessAborted(ahead ?? read(cursor), signal)
      cursor = page.end ?? cursor
      ahead = page.isFull ? read(cursor) : undefined
      // Postgres works on the next page while this process makes objects of this one.
      if (ahead !== undefined) await setImmediate()
      const changes = page.takeChanges()
      if (changes.length > 0) {
        lastChangeAtMs = performance.now()
        yield toChanges(changes, commit)
      }
      if (!page.isFull) await pauseSince(readAtMs, pauseMs(performance.now() - lastChangeAtMs), signal)
    }
  } catch (error) {
    if (!signal.aborted) throw error
    return
  } finally {
    hasEnded = true
    await Promise.all([closePool(pool), replica && closePool(replica)])
  }
}

/**
 * A replica may not know the feed of a cursor yet that its primary gave: after a failover there is another feed.
 *
 * @throws StorageFault where the primary knows it, so that the same read succeeds later
 * @throws the error of the primary, where it does not know the feed either
 */
async function expectLateReplica(primary: Pool, after: string): Promise<void> {
  await selectChanges(primary, { after, maxRows: 1 })
  throw new StorageFault('database_unavailable', 'the replica does not have the feed of its primary yet')
}

/** @param quietMs the time since the last change. */
function pauseMs(quietMs: number): number {
  return Math.min(Math.max(quietMs * pauseShare, shortestPauseMs), longestPauseMs)
}

async function pauseSince(startedAtMs: number, ms: number, signal: AbortSignal): Promise<void> {
  const leftMs = startedAtMs + ms - performance.now()
  if (leftMs > 0) await sleep(leftMs, undefined, { signal })
  signal.throwIfAborted()
}

function toChanges(changes: Change[], commit: (cursor: string) => Promise<void>): Changes {
  const { cursor } = changes.at(-1)!
  const commitUpTo = (upTo: Pick<Change, 'cursor'> = { cursor }) => commit(upTo.cursor)
  // They are not among the members that a program prints or compares: those are the changes.
  return Object.defineProperties(changes, {
    cursor: { value: cursor },
    commit: { value: commitUpTo },
  }) as readonly Change[] as Changes
}

/** Does work, and does it again as long as Postgres is away. After the signal has aborted it tries once. */
function createAttempt({ consumer, onAway, onBack }: FollowOptions, signal: AbortSignal) {
  let wasUsed = false
  let isAway = false

  function meetFault(error: unknown): void {
    const fault = toFeedError(error, consumer)
    if (fault instanceof FeedError || !isPassing(fault)) throw fault
    if (signal.aborted || (!wasUsed && isWrongAddress(fault))) throw fault
    if (!isAway) onAway?.(fault)
    isAway = true
  }

  return async function attempt<Result>(work: () => Promise<Result>): Promise<Result> {
    for (let failures = 0; ; failures++) {
      // A commit that began before another read met the fault may still succeed. It does not tell that Postgres is back.
      const wasAway = isAway
      try {
        const result = await work()
        if (wasAway && isAway) {
          isAway = false
          onBack?.()
        }
        wasUsed = true
        return result
      } catch (error) {
        meetFault(error)
      }
      await sleep(retryDelayMs(failures), undefined, { signal })
    }
  }
}

/** Rejects as soon as the signal aborts, without waiting for a server that is silent. */
async function unlessAborted<Result>(work: Promise<Result>, signal: AbortSignal): Promise<Result> {
  const { promise: aborted, reject } = Promise.withResolvers<never>()
  const onAbort = () => reject(signal.reason)
  signal.addEventListener('abort', onAbort)
  if (signal.aborted) onAbort()
  try {
    return await Promise.race([work, aborted])
  } finally {
    signal.removeEventListener('abort', onAbort)
  }
}
