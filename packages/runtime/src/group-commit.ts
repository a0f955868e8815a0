/**
 * Group commit: work that arrives while a commit is in flight shares the next one. A group of one when quiet,
 * hundreds under load, and no timer that makes a caller wait unless `lingerMs` says so. Ingest forms batches with
 * it, the worker coalesces batches into one transaction with it.
 */
export interface GroupCommit<Item> {
  /**
   * Resolves when the item's group is committed; rejects with what its commit threw.
   *
   * @param timeoutMs Rejects with {@link CommitTimeoutError} after so many milliseconds, waiting for a turn
   *   included. An item whose turn had not come is not committed; one in flight may be.
   */
  submit(item: Item, timeoutMs?: number): Promise<void>
}

export class CommitTimeoutError extends Error {
  readonly code = 'commit_timeout'
  override readonly name = 'CommitTimeoutError'
}

interface Entry<Item> {
  readonly item: Item
  readonly count: number
  readonly bytes: number
  readonly resolve: () => void
  readonly reject: (error: unknown) => void
  readonly submittedAtMs: number
  timer: NodeJS.Timeout | undefined
  expired: boolean
}

/**
 * @param options.commit Makes a group durable. Groups are never empty and keep the order of submission.
 * @param options.sizeOf An item's share of `maxCount` and `maxBytes`; an item over a limit is a group of its own.
 * @param options.maxInFlight How many commits may run at once.
 * @param options.minCountBeside How much a group must hold to be committed beside others, `maxCount` unless given;
 *   alone, any group goes at once.
 * @param options.lingerMs How long a smaller group may wait for company, as things are now; 0, the default, is not at all.
 */
export function createGroupCommit<Item>(options: {
  commit: (items: Item[]) => Promise<void>
  sizeOf: (item: Item) => { count: number; bytes: number }
  maxCount: number
  maxBytes: number
  maxInFlight: number
  minCountBeside?: number
  lingerMs?: () => number
}): GroupCommit<Item> {
  const {
    commit,
    sizeOf,
    maxCount,
    maxBytes,
    maxInFlight,
    minCountBeside = maxCount,
    lingerMs = () => 0,
  } = options
  let waiting: Entry<Item>[] = []
  /** What waits in all, expired entries included until they fall out. */
  let waitingCount = 0
  let waitingBytes = 0
  let inFlight = 0
  let scheduled = false
  let isTimerSet = false

  /** Cuts the next group off the head of the queue; entries that expired while waiting fall out here. */
  function takeGroup(): Entry<Item>[] {
    const group: Entry<Item>[] = []
    let taken = 0
    let count = 0
    let bytes = 0
    for (const entry of waiting) {
      if (!entry.expired) {
        count += entry.count
        bytes += entry.bytes
        if (group.length > 0 && (count > maxCount || bytes > maxBytes)) break
        group.push(entry)
      }
      waitingCount -= entry.count
      waitingBytes -= entry.bytes
      taken++
    }
    waiting = waiting.slice(taken)
    return group
  }

  function isWorthStarting(): boolean {
    if (waiting.length === 0) return false
    if (waitingCount >= minCountBeside || waitingBytes >= maxBytes) return true
    return inFlight === 0 && !isLingering()
  }

  /** The time runs from the first item's arrival. */
  function isLingering(): boolean {
    const wholeMs = lingerMs()
    const restMs = wholeMs === 0 ? 0 : waiting[0]!.submittedAtMs + wholeMs - performance.now()
    if (restMs <= 0) return false
    if (!isTimerSet) {
      isTimerSet = true
      setTimeout(() => {
        isTimerSet = false
        startCommits()
      }, restMs)
    }
    return true
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

  function startCommits(): void {
    scheduled = false
    while (inFlight < maxInFlight && isWorthStarting()) {
      const group = takeGroup()
      if (group.length > 0) void run(group)
    }
  }

  return {
    submit(item, timeoutMs) {
      return new Promise((resolve, reject) => {
        const submittedAtMs = performance.now()
        const { count, bytes } = sizeOf(item)
        const entry: Entry<Item> = {
          item,
          count,
          bytes,
          resolve,
          reject,
          submittedAtMs,
          timer: undefined,
          expired: false,
        }
        if (timeoutMs !== undefined) {
          entry.timer = setTimeout(() => {
            entry.expired = true
            reject(new CommitTimeoutError(`not committed within ${timeoutMs} ms`))
          }, timeoutMs)
        }
        waiting.push(entry)
        waitingCount += count
        waitingBytes += bytes
        // Not at once: what else arrives in this turn of the event loop belongs in the same group.
        if (inFlight < maxInFlight && !scheduled) {
          scheduled = true
          setImmediate(startCommits)
        }
      })
    },
  }
}
