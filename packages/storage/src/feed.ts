import type { QueryConfig } from 'pg'
import { toStorageFault } from './errors.ts'
import type { Pool } from './pool.ts'

/** Postgres may work for this long on the index of many millions of sessions. */
const restartTimeoutMs = 3_600_000

/**
 * The outcome of a heartbeat of the change feed.
 *
 * - `beat`: after a failover cursors go back to here, where this heartbeat survives.
 * - `quiet`: no session has changed since the last one, so there is nothing to go back for.
 * - `held`: a transaction of before the last one is still open, so the last one still holds.
 * - `continued`: there was a failover or a recovery. The feed has another id, and cursors have gone back.
 * - `standby`: a standby writes nothing.
 * - `other server`: the owner of the schema must continue or restart the feed. Until then reads fail with VF002.
 * - `ahead`: after a failover, rows have transaction ids that the server has not reached: the owner must restart the feed.
 */
export type FeedBeat = 'beat' | 'quiet' | 'held' | 'continued' | 'standby' | 'other server' | 'ahead'

/**
 * Gives the change feed a heartbeat. One worker is to call it once a second, outside of any other transaction; several
 * do no harm. After a failover it lets the feed go on by itself.
 *
 * @throws StorageFault
 */
export async function beatFeed(pool: Pick<Pool, 'query'>): Promise<FeedBeat> {
  try {
    const { rows } = await pool.query<{ beat: FeedBeat }>('SELECT vss.feed_heartbeat() AS beat')
    return rows[0]!.beat
  } catch (error) {
    throw toStorageFault(error)
  }
}

/**
 * Lets the cursors of the change feed go on: after `pg_upgrade` as they are, and after a failover or a recovery to a
 * point in time from the last heartbeat that survived.
 *
 * @returns the id of the feed; another one than before after a failover or a recovery.
 * @throws StorageFault with SQLSTATE VF003 when a row, a consumer or the heartbeat is ahead of the server's transaction
 * ids.
 */
export async function continueFeed(pool: Pick<Pool, 'query'>): Promise<string> {
  return await feedIdOf(pool, { text: 'SELECT vss.feed_continue() AS "feedId"' })
}

/**
 * Begins a new change feed, in which every session comes once more. Earlier cursors are refused. Nobody can use
 * `vss.sessions` meanwhile.
 *
 * @returns the id of the new feed.
 * @throws StorageFault
 */
export async function restartFeed(pool: Pick<Pool, 'query'>): Promise<string> {
  const query = { text: 'SELECT vss.feed_restart() AS "feedId"', query_timeout: restartTimeoutMs }
  return await feedIdOf(pool, query)
}

async function feedIdOf(pool: Pick<Pool, 'query'>, query: QueryConfig): Promise<string> {
  try {
    const { rows } = await pool.query<{ feedId: string }>(query)
    return rows[0]!.feedId
  } catch (error) {
    throw toStorageFault(error)
  }
}
