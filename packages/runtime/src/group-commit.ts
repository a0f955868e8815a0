import { createBacklog, type Entry } from './backlog.ts'

/**
 * Group commit: items that arrive while a commit is in flight share the next one. A group is one item at low load and
 * hundreds at high load. No timer makes a caller wait, unless `linger` says so. Ingest forms batches with it, and the
 * worker forms transactions of many batches.
 */
export interface GroupCommit<Item> {
  /**
   * Resolves when the item's group is committed; rejects with the error of its commit.
   *
   * @param timeoutMs rejects with {@link CommitTimeoutError} after this long, the wait for a turn included. An item
   *   whose turn has not come by then is not committed; an item in flight may be.
   */
  submit(item: Item, timeoutMs?: number): Promise<void>
}

/** How a group waits for more items: as long as they keep coming. */
export interface Linger {
  /** The wait ends when no item has come for so long. */
  readonly pauseMs: number
  /** It ends in any case when the first item of the group has waited for so long. */
  readonly mostMs: number
}

export class CommitTimeoutError extends Error {
  readonly code = 'commit_timeout'
  override readonly name = 'CommitTimeoutError'
}

/**
 * @param options.commit makes a group durable. Groups are never empty and keep the order of submission.
 * @param options.sizeOf gives an item's share of `maxCount` and `maxBytes`. An item over a limit is a group of its own.
 * @param options.maxInFlight is the number of commits that may run at once.
 * @param options.minCountBeside is the least count of a group that is committed beside others; `maxCount` by default.
 *   While no commit runs, a group of any size is committed at once.
 * @param options.linger says how a smaller group may wait for more items now; not at all by default.
 */
export function createGroupCommit<Item>(options: {
  commit: (items: Item[]) => Promise<void>
  sizeOf: (item: Item) => { count: number; bytes: number }
  maxCount: number
  maxBytes: number
  maxInFlight: number
  minCountBeside?: number
  linger?: () => Linger | undefined
}): GroupCommit<Item> {
  const {
    commit,
    sizeOf,
    maxCount,
    maxBytes,
    maxInFlight,
    minCountBeside = maxCount,
    linger = () => undefined,
  } = options
  const backlog = createBacklog<Item>({ maxCount, maxBytes })
  let inFlight = 0
  let isScheduled = false
  let isLingering = false
  let lastSubmittedAtMs = 0

  function startCommits(): void {
    isScheduled = false
    while (inFlight < maxInFlight && isWorthStarting()) {
      const group = backlog.takeGroup()
      if (group.length > 0) void run(group)
    }
    if (inFlight === 0 && backlog.oldest !== undefined) startWhenLingered(backlog.oldest)
  }

  function isWorthStarting(): boolean {
    if (backlog.oldest === undefined) return false
    if (backlog.count >= minCountBeside || backlog.bytes >= maxBytes) return true
    return inFlight === 0 && restMs(backlog.oldest) <= 0
  }

  /** How long the group of this oldest entry may still wait for more items. */
  function restMs({ submittedAtMs }: Entry<Item>): number {
    const { pauseMs, mostMs } = linger() ?? {}
    if (pauseMs === undefined || mostMs === undefined) return 0
    return Math.min(submittedAtMs + mostMs, lastSubmittedAtMs + pauseMs) - performance.now()
  }

  function startWhenLingered(oldest: Entry<Item>): void {
    if (isLingering) return
    isLingering = true
    setTimeout(
      () => {
        isLingering = false
        startCommits()
      },
      Math.max(restMs(oldest), 0),
    )
  }

  async function run(group: Entry<Item>[]): Promise<void> {
    inFlight++
    try {
      await commit(group.map((entry) => entry.item))
      for (const entry of group) {
        clearTimeout(entry.timer)
        entry.resolve()
      }
    } catch (error) {
      for (const entry of group) {
        clearTimeout(entry.timer)
        entry.reject(error)
      }
    }
    inFlight--
    startCommits()
  }

  function expireAfter(entry: Entry<Item>, timeoutMs: number): void {
    entry.timer = setTimeout(() => {
      entry.isExpired = true
      entry.reject(new CommitTimeoutError(`not committed within ${timeoutMs} ms`))
    }, timeoutMs)
  }

  return {
    submit(item, timeoutMs) {
      return new Promise((resolve, reject) => {
        const submittedAtMs = performance.now()
        lastSubmittedAtMs = submittedAtMs
        const { count, bytes } = sizeOf(item)
        const entry = {
          item,
          count,
          bytes,
          submittedAtMs,
          resolve,
          reject,
          timer: undefined,
          isExpired: false,
        }
        if (timeoutMs !== undefined) expireAfter(entry, timeoutMs)
        backlog.push(entry)
        // Later, because all items of this turn of the event loop belong in the same group.
        if (inFlight < maxInFlight && !isScheduled) {
          isScheduled = true
          setImmediate(startCommits)
        }
      })
    },
  }
}
