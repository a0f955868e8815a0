import type { Pool } from '@vss-pipeline/storage'
import { readSnapshot } from './read.ts'

/** How far the change feed and its consumers are. Timestamps are ISO 8601 in UTC with milliseconds. */
export interface FeedState {
  /**
   * Why reads are refused: the rows are from another server (VF002), or no worker has run since a failover (VF005). Null
   * where they are not refused.
   */
  refusal: 'other server' | 'other timeline' | null
  /** How long the oldest change has waited that the feed does not show yet; 0 when it shows all. */
  heldSeconds: number
  /** The transaction that the feed waits for. It may hold back nothing, while no session changes. */
  holder: {
    /** The transaction's id. */
    barrier: string
    kind: 'connection' | 'prepared transaction' | 'nobody' | 'unknown'
    pid: number | null
    preparedName: string | null
    databaseName: string | null
    applicationName: string | null
    /** Null where the owner of the schema may not see it. */
    since: string | null
  }
  /** The consumers that are furthest behind, these first, then those of another feed; at most `maxConsumers`. */
  consumers: ConsumerState[]
  consumerCount: number
}

export interface ConsumerState {
  /** Chosen by the consumer, of up to 100 characters. */
  name: string
  state: 'up to date' | 'behind' | 'other feed'
  /** The age of the oldest change that it has not dealt with; null for another feed. */
  lagSeconds: number | null
  committedAt: string
}

// The places of consumers stand in their cursors as texts of a fixed width, after the feed's id. So the ones that are
// furthest behind are found without a look at the sessions.
const statement = `SELECT
  CASE
    WHEN feed.system_identifier IS DISTINCT FROM server.system_identifier THEN 'other server'
    -- A standby learns its timeline late.
    WHEN feed.timeline > server.timeline AND NOT pg_is_in_recovery() THEN 'other server'
    WHEN feed.timeline < server.timeline THEN 'other timeline'
  END AS refusal,
  status.holder AS kind,
  status.barrier::text,
  status.pid,
  status.prepared_name AS "preparedName",
  status.database_name AS "databaseName",
  status.application_name AS "applicationName",
  status.since,
  coalesce(greatest(extract(epoch FROM now() - held.processed_at), 0), 0)::double precision AS "heldSeconds",
  (SELECT count(*)::integer FROM vss.consumers) AS "consumerCount"
FROM vss.feed_status AS status
CROSS JOIN vss.server_identity() AS server
LEFT JOIN vss.feed ON true
LEFT JOIN LATERAL (
  SELECT processed_at FROM vss.sessions
  WHERE change_xid >= status.barrier
  ORDER BY change_xid, session_id
  LIMIT 1
) AS held ON true`

const consumersStatement = `SELECT
  name,
  unread.state,
  committed_at AS "committedAt",
  CASE unread.state
    WHEN 'behind' THEN greatest(extract(epoch FROM now() - unread.changed_at), 0)::double precision
    WHEN 'up to date' THEN 0
  END AS "lagSeconds"
FROM (
  SELECT name, cursor, committed_at
  FROM vss.consumers
  ORDER BY
    substr(cursor, 3, 36)::uuid IN (SELECT feed_id FROM vss.feed UNION ALL SELECT feed_id FROM vss.feed_ancestors) DESC,
    substr(cursor, 40) COLLATE "C",
    name
  LIMIT $1
) AS furthest_behind
CROSS JOIN LATERAL vss.oldest_unread(cursor) AS unread
ORDER BY "lagSeconds" DESC NULLS LAST, name`

/**
 * Reads the state of the change feed. It takes milliseconds, however many sessions there are.
 *
 * @param options.timeoutMs the time for each of its two statements.
 * @throws StorageFault
 */
export async function readFeedState(
  pool: Pool,
  options: { maxConsumers?: number; timeoutMs?: number } = {},
): Promise<FeedState> {
  const { maxConsumers = 50, timeoutMs = 5_000 } = options
  return await readSnapshot(pool, async (client) => {
    await client.query(`SET LOCAL statement_timeout = ${Math.trunc(timeoutMs)}`)
    const { rows } = await client.query(statement)
    const consumers = await client.query(consumersStatement, [maxConsumers])
    const { refusal, heldSeconds, consumerCount, ...holder } = rows[0]
    return {
      refusal,
      heldSeconds,
      holder: { ...holder, since: holder.since?.toISOString() ?? null },
      consumers: consumers.rows.map((row) => ({ ...row, committedAt: row.committedAt.toISOString() })),
      consumerCount,
    }
  })
}
