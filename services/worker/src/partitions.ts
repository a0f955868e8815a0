import { repeatEvery } from '@vss-pipeline/runtime'
import type { Lifecycle, Logger } from '@vss-pipeline/runtime/service'
import { ensureLedgerPartitions, type Pool } from '@vss-pipeline/storage'

const intervalMs = 6 * 60 * 60 * 1_000

/**
 * Creates the ledger's next monthly partitions while the worker runs. A failure is only a warning, because rows without
 * a partition go to the default one. That works as well, but cannot be dropped by the month.
 */
export function keepPartitionsAhead(deps: { pool: Pool; lifecycle: Lifecycle; logger: Logger }): void {
  const { pool, lifecycle, logger } = deps
  async function ensure(): Promise<void> {
    try {
      await ensureLedgerPartitions(pool)
    } catch (error) {
      logger.warn({ err: error }, 'could not create the next partitions of the ledger')
    }
  }
  void ensure()
  lifecycle.onClose('partition timer', repeatEvery(intervalMs, ensure))
}
