/** An item that waits for its commit, with what it counts for and whom to tell. */
export interface Entry<Item> {
  readonly item: Item
  readonly count: number
  readonly bytes: number
  readonly submittedAtMs: number
  readonly resolve: () => void
  readonly reject: (error: unknown) => void
  timer: NodeJS.Timeout | undefined
  /** Its time is over: it has been rejected, and falls out when its turn comes. */
  isExpired: boolean
}

/** What waits to be committed, in the order of its arrival. */
export interface Backlog<Item> {
  /** What waits in all, expired entries included until they fall out. */
  readonly count: number
  readonly bytes: number
  readonly oldest: Entry<Item> | undefined
  push(entry: Entry<Item>): void
  /** Takes the next group off the head: within the limits, or a single entry over them; empty when all had expired. */
  takeGroup(): Entry<Item>[]
}

/** So many taken entries are let go of at a time: letting go copies what is left. */
const releaseAfter = 1_024

/** @param limits of a group. */
export function createBacklog<Item>(limits: { maxCount: number; maxBytes: number }): Backlog<Item> {
  const { maxCount, maxBytes } = limits
  let entries: Entry<Item>[] = []
  /** Entries before this index have been taken. */
  let head = 0
  let waitingCount = 0
  let waitingBytes = 0

  function letGoOfTaken(): void {
    if (head < entries.length && head < Math.max(releaseAfter, entries.length / 2)) return
    entries = entries.slice(head)
    head = 0
  }

  return {
    get count() {
      return waitingCount
    },
    get bytes() {
      return waitingBytes
    },
    get oldest() {
      return entries[head]
    },
    push(entry) {
      entries.push(entry)
      waitingCount += entry.count
      waitingBytes += entry.bytes
    },
    takeGroup() {
      const group: Entry<Item>[] = []
      let count = 0
      let bytes = 0
      for (; head < entries.length; head++) {
        const entry = entries[head]!
        if (!entry.isExpired) {
          count += entry.count
          bytes += entry.bytes
          if (group.length > 0 && (count > maxCount || bytes > maxBytes)) break
          group.push(entry)
        }
        waitingCount -= entry.count
        waitingBytes -= entry.bytes
      }
      letGoOfTaken()
      return group
    },
  }
}
