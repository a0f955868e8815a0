/**
 * Makes the waits between tries: each twice as long as the one before, up to a cap. Jitter takes away up to a half, so
 * that many clients do not try again at the same moment.
 *
 * @returns a function that gives the next wait in milliseconds. It takes the number of waits before it.
 */
export function createBackoff(options: { firstMs: number; longestMs: number }): (failures: number) => number {
  const { firstMs, longestMs } = options
  return (failures) => Math.round(Math.min(firstMs * 2 ** failures, longestMs) * (0.5 + Math.random() / 2))
}
