/**
 * Does something again and again, never twice at once: while it takes longer than the interval, turns are left out. It
 * keeps no process alive.
 *
 * @param work must not reject
 * @param options.onOverlap called for each turn that is left out
 * @returns a function that ends it; work that is under way goes on.
 */
export function repeatEvery(
  intervalMs: number,
  work: () => Promise<void>,
  options: { onOverlap?: () => void } = {},
): () => void {
  let isWorking = false

  async function takeTurn(): Promise<void> {
    if (isWorking) {
      options.onOverlap?.()
      return
    }
    isWorking = true
    try {
      await work()
    } finally {
      isWorking = false
    }
  }

  const timer = setInterval(takeTurn, intervalMs)
  timer.unref()
  return () => clearInterval(timer)
}
