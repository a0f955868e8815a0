import { LocatingPool } from './locating-pool.ts'
import { createLocator } from './locator.ts'

export type Pool = LocatingPool & {
  /** The statements by which each transaction limits itself. */
  readonly transactionLimits: string
}

const connectTimeoutMs = 5_000

/** An address may lead to another server one day. Within this time every connection has followed it. */
const longestLifeSeconds = 300

/** Another flush holds a row for much less. When it has vanished, this is soon enough to try again. */
const lockTimeoutMs = 5_000

/** A statement that still runs when a pool is closed gets this much time. */
const closingPatienceMs = 1_000

/**
 * Makes a pool of connections to the database. It connects on first use. `pool.end()` ends it and waits for connections
 * in use; {@link closePool} does not wait long.
 *
 * Where the URL names several hosts, new connections lead to one that fits, and after a connection broke or turned
 * read-only it is looked for again.
 *
 * No call on it can hang. Connecting takes at most 5 s, and 2 s more to find a host. A statement of a transaction waits
 * for locks for at most 5 s and takes at most `statementTimeoutMs`. A silent server is given up 5 s after that, inside and
 * outside of a transaction. A connection that breaks while idle is replaced at the next use, and none is kept for longer
 * than five minutes.
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
  const pool = new LocatingPool(createLocator(options.databaseUrl), {
    max: options.maxConnections,
    maxLifetimeSeconds: longestLifeSeconds,
    // Poolers accept this parameter when they are connected to, and hardly another.
    application_name: options.applicationName,
    connectionTimeoutMillis: connectTimeoutMs,
    query_timeout: statementTimeoutMs + 5_000,
    keepAlive: true,
    keepAliveInitialDelayMillis: 10_000,
  })
  return Object.assign(pool, { transactionLimits: limitTransaction(statementTimeoutMs) })
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
 * The limits hold for the transaction alone, and go in the message that begins it: behind a transaction pooler the
 * connection is somebody else's before and after.
 */
function limitTransaction(statementTimeoutMs: number): string {
  const limits = {
    statement_timeout: statementTimeoutMs,
    lock_timeout: lockTimeoutMs,
    // A writer that froze in mid-transaction must not keep its row locks: other workers get its batches after 10 to
    // 18 s, and would wait for them.
    idle_in_transaction_session_timeout: 15_000,
    // A writer whose machine is gone says nothing. The server's side of the connection notices after 5 + 3 * 2 s.
    tcp_keepalives_idle: 5,
    tcp_keepalives_interval: 2,
    tcp_keepalives_count: 3,
  }
  const statements = Object.entries(limits).map(([name, value]) => `SET LOCAL ${name} = ${value}`)
  return [...statements, watchClient].join('; ')
}

/**
 * Ends a statement that waits for a lock when its client has ended. A server on Windows cannot tell, and refuses the
 * setting.
 */
const watchClient = `SELECT pg_catalog.set_config('client_connection_check_interval', '1000', true)
  WHERE pg_catalog.version() !~ 'windows|mingw|Visual C'`
