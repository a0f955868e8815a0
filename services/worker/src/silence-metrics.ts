import { readSilentSubAccounts } from '@vss-pipeline/reader'
import { repeatEvery } from '@vss-pipeline/runtime'
import {
  createTeller,
  Gauge,
  type Lifecycle,
  type Logger,
  type Registry,
} from '@vss-pipeline/runtime/service'
import type { Pool } from '@vss-pipeline/storage'

/** The view counts in minutes. */
const intervalMs = 60_000
/** A thousand sub-accounts take a fraction of a second. */
const timeoutMs = 10_000
/** Senders choose the ids, and so how many there are. */
const maxSubAccounts = 50

/**
 * Adds the silent sub-accounts to a registry. They are read each minute, and not at a scrape, because the view sums up a
 * week. While they cannot be read the last values stay.
 */
export function observeSilence(deps: {
  registry: Registry
  pool: Pool
  lifecycle: Lifecycle
  logger: Logger
}): void {
  const { registry, pool, lifecycle, logger } = deps
  const told = createTeller<'unread'>(logger)
  const silent = new Gauge({
    name: 'vss_sub_account_silent_seconds',
    help: 'Time since the last delivery of a sub-account that is silent for longer than usual; of the 50 that fell silent last.',
    labelNames: ['sub_account_id'],
    registers: [registry],
  })

  async function look(): Promise<void> {
    try {
      const subAccounts = await readSilentSubAccounts(pool, { maxSubAccounts, timeoutMs })
      silent.reset()
      for (const { subAccountId, silentSeconds } of subAccounts) {
        silent.set({ sub_account_id: subAccountId }, silentSeconds)
      }
      told.over('unread', 'silent sub-accounts are found again')
    } catch (error) {
      told.once('unread', 'warn', 'could not look for silent sub-accounts', { err: error })
    }
  }

  void look()
  lifecycle.onClose('timer of silence', repeatEvery(intervalMs, look))
}
