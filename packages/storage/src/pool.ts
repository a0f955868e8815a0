import pg from 'pg'

export type Pool = pg.Pool

const connectTimeoutMs = 5_000

/**
 * A pool of connections to the database. Connects on first use, never here; end it with `pool.end()`.
 *
 * No call on it can hang: connecting takes at most 5 s, a statement at most `statementTimeoutMs`, and a server
 * that has gone silent is given up 5 s after that. A connection that breaks while idle is replaced at the next use.
 */
export function createPool(options: {
  databaseUrl: string
  maxConnections: number
  /** Shows in `pg_stat_activity`. */
  applicationName: string
  /** 30 s unless given. */
  statementTimeoutMs?: number
}): Pool {
  const { statementTimeoutMs = 30_000 } = options
  const pool = new pg.Pool({
    connectionString: options.databaseUrl,
    max: options.maxConnections,
    application_name: options.applicationName,
    connectionTimeoutMillis: connectTimeoutMs,
    statement_timeout: statementTimeoutMs,
    query_timeout: statementTimeoutMs + 5_000,
    // A writer that froze or vanished in mid-transaction must not keep its row locks: other workers are given its
    // batches after 10 to 18 s, and would wait for them.
    idle_in_transaction_session_timeout: 15_000,
    keepAlive: true,
    keepAliveInitialDelayMillis: 10_000,
  })
  // An error event without a listener ends the process. What broke is told to whoever uses the connection next.
  pool.on('error', () => {})
  pool.on('connect', (client) => client.on('error', () => {}))
  return pool
}
