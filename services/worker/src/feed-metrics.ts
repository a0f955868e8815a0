import type { FeedState } from '@vss-pipeline/reader'
import { withinMs } from '@vss-pipeline/runtime'
import { Gauge, type Registry } from '@vss-pipeline/runtime/service'

/** A scrape must not wait for a Postgres that hangs. */
const scrapeTimeoutMs = 1_000

/** Scrapes that come faster than this get the same values. */
const keptForMs = 1_000

/** Consumers choose their names, and so how many there are. */
const maxConsumers = 50

/**
 * Adds the state of the change feed to a registry. A scrape reads it, at most once a second. While it cannot be read
 * there is no value, because an old one would be wrong.
 */
export function observeFeed(deps: {
  registry: Registry
  read: (limits: { maxConsumers: number; timeoutMs: number }) => Promise<FeedState>
}): void {
  const registers = [deps.registry]
  let reading: Promise<FeedState | undefined> | undefined
  let readAt = 0

  /** Reads once for all gauges of a scrape. @returns undefined while the state cannot be read. */
  async function read(): Promise<FeedState | undefined> {
    if (reading === undefined || performance.now() - readAt > keptForMs) {
      readAt = performance.now()
      reading = withinMs(
        deps.read({ maxConsumers, timeoutMs: scrapeTimeoutMs }),
        scrapeTimeoutMs,
        'no answer',
      ).catch(() => undefined)
    }
    return await reading
  }

  new Gauge({
    name: 'vss_feed_barrier_age_seconds',
    help: 'How long the oldest change has waited that the change feed does not show yet; 0 when it shows all.',
    registers,
    async collect() {
      this.remove()
      const feed = await read()
      if (feed) this.set(feed.heldSeconds)
    },
  })
  new Gauge({
    name: 'vss_feed_consumer_lag_seconds',
    help: 'Age of the oldest change that a consumer has not dealt with; of the 50 consumers that are furthest behind.',
    labelNames: ['consumer'],
    registers,
    async collect() {
      this.reset()
      const feed = await read()
      for (const { name, lagSeconds } of feed?.consumers ?? []) {
        if (lagSeconds !== null) this.set({ consumer: name }, lagSeconds)
      }
    },
  })
}
