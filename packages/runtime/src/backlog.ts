/** An item that waits for its commit, with its size and the promise to settle. */
export interface Entry<Item> {
  readonly item: Item
  readonly count: number
  readonly bytes: number
  readonly submittedAtMs: number
  readonly resolve: () => void
  readonly reject: (error: unknown) => void
  timer: NodeJS.Timeout | undefined
  /** Whether its time was over. It has been rejected then, and is dropped when its turn comes. */
  isExpired: boolean
}

/** The items that wait to be committed, in the order of their arrival. */
export interface Backlog<Item> {
  /** The sum over all entries, expired ones included until they are dropped. */
  readonly count: number
  readonly bytes: number
  readonly oldest: Entry<Item> | undefined
  push(entry: Entry<Item>): void
  /** Takes the next group off the head: within the limits, or one entry over them. It is empty where all had expired. */
  takeGroup(): Entry<Item>[]
}

/** Entries that were taken are removed from the list only in such numbers, because removing copies the rest of it. */
const removeAfter = 1_024

/** @param limits of a group. */
export function createBacklog<Item>(limits: { maxCount: number; maxBytes: number }): Backlog<Item> {
  const { maxCount, maxBytes } = limits
  let entries: Entry<Item>[] = []
  /** Entries before this index have been taken. */
  let head = 0
  let waitingCount = 0
  let waitingBytes = 0

  function removeTaken(): void {
    if (head < entries.length && head < Math.max(removeAfter, entries.length / 2)) return
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
      removeTaken()
      return group
    },
  }
}
