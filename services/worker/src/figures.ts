import { repeatEvery } from '@vss-pipeline/runtime'
import type { Lifecycle, Logger } from '@vss-pipeline/runtime/service'
import { type Pool, refreshFigures } from '@vss-pipeline/storage'

const intervalMs = 20_000

/** An hour of 14,000 sessions takes half a second to count. A long history is not to keep Postgres busy. */
const hoursATurn = 10

/**
 * Keeps the hourly figures of vss.traffic while the worker runs. Any number of workers may do so, and one at a time
 * does. A failure is only a warning, because vss.traffic then counts the sessions themselves. It is said once.
 */
export function keepFigures(deps: { pool: Pool; lifecycle: Lifecycle; logger: Logger }): void {
  const { pool, lifecycle, logger } = deps
  let isStopped = false
  let isFailing = false

  async function refresh(): Promise<void> {
    try {
      for (let made = 0; made < hoursATurn && !isStopped; made++) {
        if (!(await refreshFigures(pool))) break
      }
      isFailing = false
    } catch (error) {
      if (!isFailing && !isStopped) logger.warn({ err: error }, 'could not refresh the hourly figures')
      isFailing = true
    }
  }
  void refresh()
  const stop = repeatEvery(intervalMs, refresh)
  lifecycle.onClose('timer of the figures', () => {
    isStopped = true
    stop()
  })
}
