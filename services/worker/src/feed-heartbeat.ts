import { repeatEvery } from '@vss-pipeline/runtime'
import { createTeller, type Lifecycle, type Logger } from '@vss-pipeline/runtime/service'
import { beatFeed, type Pool } from '@vss-pipeline/storage'

const intervalMs = 1_000

/** Gives the change feed a heartbeat each second, so that it goes on by itself after a failover of Postgres. */
export function keepFeedBeating(deps: { pool: Pool; lifecycle: Lifecycle; logger: Logger }): void {
  const { pool, lifecycle, logger } = deps
  const told = createTeller<'unread' | 'failed'>(logger)

  async function beat(): Promise<void> {
    try {
      const result = await beatFeed(pool)
      told.over('failed')
      if (result === 'other server' || result === 'ahead') {
        const remedy =
          'docs/consuming.md, "After a failover, a restore or an upgrade", says what its owner decides'
        told.once('unread', 'error', `the change feed cannot be read here: ${remedy}`, { beat: result })
        return
      }
      told.over('unread', 'the change feed can be read')
      if (result === 'continued')
        logger.info('the change feed goes on after a failover: cursors have gone back')
    } catch (error) {
      told.once('failed', 'warn', 'the change feed has no heartbeat', { err: error })
    }
  }

  lifecycle.onClose('feed heartbeat', repeatEvery(intervalMs, beat))
}
