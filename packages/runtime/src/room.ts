export interface Room {
  /**
   * Runs `work` when there is room for it, in the order of the calls, and frees the room when it has ended.
   *
   * @param size in the unit of the capacity. Work that is larger than the capacity runs alone.
   */
  within<Result>(size: number, work: () => Promise<Result>): Promise<Result>
}

/** Bounds the total size of the work that runs at once. Other work waits its turn. */
export function createRoom(capacity: number): Room {
  const waiting: { size: number; enter: () => void }[] = []
  let taken = 0

  function letIn(): void {
    for (let next = waiting[0]; next !== undefined; next = waiting[0]) {
      if (taken > 0 && taken + next.size > capacity) return
      waiting.shift()
      taken += next.size
      next.enter()
    }
  }

  return {
    async within(size, work) {
      await new Promise<void>((enter) => {
        waiting.push({ size, enter })
        letIn()
      })
      try {
        return await work()
      } finally {
        taken -= size
        letIn()
      }
    },
  }
}
