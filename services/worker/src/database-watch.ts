import { repeatEvery } from '@vss-pipeline/runtime'
import { Gauge, type Lifecycle, type Registry } from '@vss-pipeline/runtime/service'
import { type Pool, pingDatabase } from '@vss-pipeline/storage'

const intervalMs = 1_000

/** The last answer of Postgres; silence is a no. Null before the first one. */
export interface DatabaseWatch {
  readonly isThere: boolean | null
}

/** Asks Postgres each second whether it takes this worker's rows, and shows it as a metric. */
export function watchDatabase(deps: { pool: Pool; registry: Registry; lifecycle: Lifecycle }): DatabaseWatch {
  const { pool, registry, lifecycle } = deps
  let isThere: boolean | null = null
  new Gauge({
    name: 'vss_postgres_up',
    help: '1 while Postgres answers this worker, is migrated and lets it write, else 0.',
    registers: [registry],
    collect() {
      if (isThere !== null) this.set(isThere ? 1 : 0)
    },
    // A gauge without labels begins with 0, which would be made up.
  }).remove()

  async function look(): Promise<void> {
    isThere = await pingDatabase(pool).then(
      () => true,
      () => false,
    )
  }

  function missed(): void {
    isThere = false
    // Where no other host fits either, the next turn looks again.
    void pool.leaveSilentServer().catch(() => {})
  }

  void look()
  lifecycle.onClose('database watch', repeatEvery(intervalMs, look, { onOverlap: missed }))
  return {
    get isThere() {
      return isThere
    },
  }
}
