import { readRetention, readRetentionFloor } from '@vss-pipeline/reader'
import { repeatEvery } from '@vss-pipeline/runtime'
import {
  createTeller,
  Gauge,
  type Lifecycle,
  type Logger,
  type Registry,
} from '@vss-pipeline/runtime/service'
import { letGo, type Pool, type RetentionDays, retentionKinds } from '@vss-pipeline/storage'

/** Partitions are dropped once a minute at most. */
const intervalMs = 60_000

/**
 * Lets go of what is older than the settings say, while the worker runs. Without a setting it does nothing. Any number of
 * workers may do so, and one at a time does. A failure is only a warning, and the next minute tries again.
 */
export function keepRetention(deps: {
  pool: Pool
  days: RetentionDays
  registry: Registry
  lifecycle: Lifecycle
  logger: Logger
}): void {
  const { pool, days, registry, lifecycle, logger } = deps
  if (retentionKinds.every((kind) => days[kind] === undefined)) return
  const stop = new AbortController()
  const told = createTeller<'failing' | 'floor'>(logger)
  const oldest = new Gauge({
    name: 'vss_retention_oldest_seconds',
    help: 'Age of the oldest row as of the last sweep, by kind: bodies, deliveries or sessions. At most the days of retention, and two more.',
    labelNames: ['kind'],
    registers: [registry],
  })

  /** The owner of the schema may keep rows for longer than the worker is set to. */
  async function tellOfFloor(): Promise<void> {
    const floor = await readRetentionFloor(pool)
    const kinds = retentionKinds.filter(
      (kind) => (days[kind] ?? Number.POSITIVE_INFINITY) < (floor[kind] ?? 0),
    )
    if (kinds.length === 0) return told.over('floor')
    told.once(
      'floor',
      'warn',
      'rows are kept for longer than the settings say: vss.retention_floor has it so',
      {
        kinds,
        floor,
      },
    )
  }

  async function sweep(): Promise<void> {
    try {
      const { dropped, deleted } = await letGo(pool, days, { signal: stop.signal })
      const rows = Object.values(deleted).reduce((sum, count) => sum + count, 0)
      if (dropped.length > 0 || rows > 0)
        logger.info({ dropped, deleted }, 'retention has let go of old rows')
      for (const { kind, oldestAt } of await readRetention(pool)) {
        oldest.set({ kind }, oldestAt === null ? 0 : (Date.now() - oldestAt.getTime()) / 1000)
      }
      await tellOfFloor()
      told.over('failing', 'retention works again')
    } catch (error) {
      if (!stop.signal.aborted)
        told.once('failing', 'warn', 'retention could not let go of old rows', { err: error })
    }
  }

  void sweep()
  const end = repeatEvery(intervalMs, sweep)
  lifecycle.onClose('timer of retention', () => {
    stop.abort()
    end()
  })
}
