import { repeatEvery, withinMs } from '@vss-pipeline/runtime'
import type { Lifecycle, Logger } from '@vss-pipeline/runtime/service'
import { ensurePartitions, type Pool } from '@vss-pipeline/storage'

const intervalMs = 6 * 60 * 60 * 1_000

/** A worker starts while Postgres is away or hangs, and holds its batches until it is back. */
const patienceMs = 5_000

/**
 * Creates the next partitions of the ledger and of the bodies: once before it returns, then while the worker runs. A
 * failure is only a warning, because rows without a partition go to the default one. That works as well, and retention
 * must delete them there row by row.
 */
export async function keepPartitionsAhead(deps: {
  pool: Pool
  lifecycle: Lifecycle
  logger: Logger
}): Promise<void> {
  const { pool, lifecycle, logger } = deps
  async function ensure(): Promise<void> {
    try {
      await ensurePartitions(pool)
    } catch (error) {
      logger.warn({ err: error }, 'could not create the next partitions')
    }
  }
  lifecycle.onClose('partition timer', repeatEvery(intervalMs, ensure))
  await withinMs(ensure(), patienceMs, 'Postgres is slow').catch(() => undefined)
}
