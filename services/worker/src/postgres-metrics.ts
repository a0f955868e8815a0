import { createScrapedReading, Gauge, type Registry } from '@vss-pipeline/runtime/service'

/**
 * Adds to a registry whether Postgres takes rows from this worker.
 *
 * @param deps.ping throws while it does not.
 */
export function observePostgres(deps: { registry: Registry; ping: () => Promise<void> }): void {
  const { registry, ping } = deps
  const isUp = createScrapedReading(async () => {
    await ping()
    return true
  })
  new Gauge({
    name: 'vss_postgres_up',
    help: '1 while Postgres answers this worker, is migrated and lets it write, else 0.',
    registers: [registry],
    async collect() {
      this.set((await isUp()) ? 1 : 0)
    },
  })
}
