import type { QueryConfig } from 'pg'
import { toStorageFault } from './errors.ts'
import type { Pool } from './pool.ts'

/** Postgres may work for this long on the index of many millions of sessions. */
const restartTimeoutMs = 3_600_000

/**
 * Lets the cursors of the change feed go on, after `pg_upgrade` or a failover that lost nothing.
 *
 * @returns the id of the feed.
 * @throws StorageFault with SQLSTATE VF003 when a row or a consumer is ahead of the server's transaction ids.
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
