import { repeatEvery } from '@vss-pipeline/runtime'
import { createTeller, type Lifecycle, type Logger } from '@vss-pipeline/runtime/service'
import { addUpMinutes, type Pool, pruneMinutes } from '@vss-pipeline/storage'

/** `vss.sub_account_activity` is behind by this much at most. `vss.minutes` is exact at any time. */
const addUpIntervalMs = 5_000
const pruneIntervalMs = 60 * 60 * 1_000

/**
 * Adds up the counts of `vss.minutes` while the worker runs, and removes old ones. A failure is only a warning, because
 * counts that are not added up yet count as well.
 */
export function keepMinutesAddedUp(deps: { pool: Pool; lifecycle: Lifecycle; logger: Logger }): void {
  const { pool, lifecycle, logger } = deps
  const told = createTeller<'add_up' | 'prune'>(logger)

  async function addUp(): Promise<void> {
    try {
      await addUpMinutes(pool)
      told.over('add_up', 'the counts of vss.minutes are added up again')
    } catch (error) {
      told.once('add_up', 'warn', 'could not add up the counts of vss.minutes', { err: error })
    }
  }

  async function prune(): Promise<void> {
    try {
      await pruneMinutes(pool)
      told.over('prune', 'old counts of vss.minutes are removed again')
    } catch (error) {
      told.once('prune', 'warn', 'could not remove old counts of vss.minutes', { err: error })
    }
  }

  lifecycle.onClose('minutes timer', repeatEvery(addUpIntervalMs, addUp))
  lifecycle.onClose('old minutes timer', repeatEvery(pruneIntervalMs, prune))
}
