/**
 * Does work at an interval, never twice at once: turns that come while it is still going on are skipped. Its timer does
 * not keep the process alive.
 *
 * @param work must not reject.
 * @param options.onOverlap is called for each turn that is skipped.
 * @returns a function that stops the repetition. Work that is going on then is not stopped.
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
