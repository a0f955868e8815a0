export interface Room {
  /**
   * Runs `work` when there is room for it, in the order of asking, and gives the room back when it has ended.
   *
   * @param size of the same kind as the capacity; what is larger than all of it runs alone.
   */
  within<Result>(size: number, work: () => Promise<Result>): Promise<Result>
}

/** Bounds how much is worked at together, where the parts differ in size: the rest waits its turn. */
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
