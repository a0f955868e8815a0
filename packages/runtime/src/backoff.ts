/**
 * How long to wait before another try: twice as long each time, up to a cap, and jittered over the upper half, so
 * that many who wait neither bunch nor hurry.
 *
 * @returns milliseconds, from how many tries have failed before (0 for the first wait).
 */
export function createBackoff(options: { firstMs: number; longestMs: number }): (failures: number) => number {
  const { firstMs, longestMs } = options
  return (failures) => Math.round(Math.min(firstMs * 2 ** failures, longestMs) * (0.5 + Math.random() / 2))
}
