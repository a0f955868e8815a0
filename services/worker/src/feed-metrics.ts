import type { FeedState } from '@vss-pipeline/reader'
import { createScrapedReading, Gauge, type Registry } from '@vss-pipeline/runtime/service'

/** Scrapes that come faster than this get the same values. */
const keptForMs = 1_000

/** Consumers choose their names, and so how many there are. */
const maxConsumers = 50

/** Postgres gives up a reading that no scrape waits for any more. */
const timeoutMs = 1_000

/**
 * Adds the state of the change feed to a registry. A scrape reads it, at most once a second. While it cannot be read the
 * last values stay, so that an alert on them goes on; `vss_postgres_up` tells that they are old.
 */
export function observeFeed(deps: {
  registry: Registry
  read: (limits: { maxConsumers: number; timeoutMs: number }) => Promise<FeedState>
}): void {
  const registers = [deps.registry]
  const read = createScrapedReading(() => deps.read({ maxConsumers, timeoutMs }), { keptForMs })

  new Gauge({
    name: 'vss_feed_barrier_age_seconds',
    help: 'How long the oldest change has waited that the change feed does not show yet; 0 when it shows all.',
    registers,
    async collect() {
      const feed = await read()
      if (feed) this.set(feed.heldSeconds)
    },
    // A gauge without labels begins with 0, which would be made up.
  }).remove()
  new Gauge({
    name: 'vss_feed_consumer_lag_seconds',
    help: 'Age of the oldest change that a consumer has not dealt with; of the 50 consumers that are furthest behind.',
    labelNames: ['consumer'],
    registers,
    async collect() {
      const feed = await read()
      if (!feed) return
      this.reset()
      for (const { name, lagSeconds } of feed.consumers) {
        if (lagSeconds !== null) this.set({ consumer: name }, lagSeconds)
      }
    },
  })
}
