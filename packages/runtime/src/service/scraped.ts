import { withinMs } from '../deadline.ts'

/** A scrape must not wait for a server that hangs. */
const scrapeTimeoutMs = 1_000

/**
 * Shares one reading among the gauges of a scrape.
 *
 * @param options.keptForMs is the time for which further scrapes get the same value; by default each reads anew.
 * @returns a function that gives the value, or undefined when it cannot be read within a second.
 */
export function createScrapedReading<Value>(
  read: () => Promise<Value>,
  options: { keptForMs?: number } = {},
): () => Promise<Value | undefined> {
  const { keptForMs = 0 } = options
  let reading: Promise<Value | undefined> | undefined
  let isReading = false
  let readAt = 0

  return function readOnce() {
    if (reading === undefined || (!isReading && performance.now() - readAt >= keptForMs)) {
      isReading = true
      readAt = performance.now()
      reading = withinMs(read(), scrapeTimeoutMs, 'no answer')
        .catch(() => undefined)
        .finally(() => {
          isReading = false
        })
    }
    return reading
  }
}
