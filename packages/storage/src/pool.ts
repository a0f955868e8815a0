import pg from 'pg'

export type Pool = pg.Pool & {
  /** The statements by which each transaction limits itself. */
  readonly transactionLimits: string
  /** All that are open, in use or not. */
  readonly connections: ReadonlySet<pg.PoolClient>
}

const connectTimeoutMs = 5_000

/** Where an address leads may change: sooner or later every connection follows it. */
const longestLifeSeconds = 300

/** Much longer than any other flush holds a row, and soon enough to try again when its holder has vanished. */
const lockTimeoutMs = 5_000

/** For a statement that still runs when a pool is closed. */
const closingPatienceMs = 1_000

/**
 * A pool of connections to the database. Connects on first use, never here; end it with `pool.end()`, which waits for
 * what is in use, or with {@link closePool}, which does not wait long.
 *
 * No call on it can hang: connecting takes at most 5 s, a statement of a transaction waits for locks for at most 5 s
 * and takes at most `statementTimeoutMs`, and a server that has gone silent is given up 5 s after that; so is a
 * statement outside of a transaction. A connection that breaks while idle is replaced at the next use, and none is
 * kept for longer than five minutes.
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
    maxLifetimeSeconds: longestLifeSeconds,
    // Of the parameters that the server gets when it is connected to, this is the one that poolers accept.
    application_name: options.applicationName,
    connectionTimeoutMillis: connectTimeoutMs,
    query_timeout: statementTimeoutMs + 5_000,
    keepAlive: true,
    keepAliveInitialDelayMillis: 10_000,
  })
  // An error event without a listener ends the process. What broke is told to whoever uses the connection next.
  pool.on('error', () => {})
  const connections = new Set<pg.PoolClient>()
  pool.on('connect', (client) => {
    client.on('error', () => {})
    connections.add(client)
  })
  pool.on('remove', (client) => connections.delete(client))
  return Object.assign(pool, { transactionLimits: limitTransaction(statementTimeoutMs), connections })
}

/** Ends a pool. A connection that is in use a second later is cut: its server may have gone silent. */
export async function closePool(pool: Pool): Promise<void> {
  const timer = setTimeout(() => {
    for (const client of pool.connections) void client.end()
  }, closingPatienceMs)
  await pool.end()
  clearTimeout(timer)
}

/**
 * For the transaction alone, and in the message that begins it: behind a transaction pooler the connection is
 * somebody else's before and after.
 */
function limitTransaction(statementTimeoutMs: number): string {
  const limits = {
    statement_timeout: statementTimeoutMs,
    lock_timeout: lockTimeoutMs,
    // A writer that froze or vanished in mid-transaction must not keep its row locks: other workers are given its
    // batches after 10 to 18 s, and would wait for them.
    idle_in_transaction_session_timeout: 15_000,
    // One whose machine is gone says nothing any more: the server's side of the connection asks, and has its answer
    // after 5 + 3 * 2 s.
    tcp_keepalives_idle: 5,
    tcp_keepalives_interval: 2,
    tcp_keepalives_count: 3,
  }
  const statements = Object.entries(limits).map(([name, value]) => `SET LOCAL ${name} = ${value}`)
  return [...statements, watchClient].join('; ')
}

/**
 * A statement that waits for a lock ends when its client has. On Windows no server can tell, and setting it would be
 * an error.
 */
const watchClient = `SELECT pg_catalog.set_config('client_connection_check_interval', '1000', true)
  WHERE pg_catalog.version() !~ 'windows|mingw|Visual C'`
