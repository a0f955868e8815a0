import { repeatEvery } from '@vss-pipeline/runtime'
import type { Lifecycle, Logger } from '@vss-pipeline/runtime/service'
import { ensureLedgerPartitions } from '@vss-pipeline/storage'

const intervalMs = 6 * 60 * 60 * 1_000

/**
 * Keeps the ledger's next monthly partitions in place while the worker runs. Without them rows go to the
 * default partition, which works as well but cannot be dropped by the month: a failure is only a warning.
 */
export function keepPartitionsAhead(
  pool: Parameters<typeof ensureLedgerPartitions>[0],
  lifecycle: Lifecycle,
  logger: Logger,
): void {
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
