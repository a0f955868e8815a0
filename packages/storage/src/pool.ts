import pg from 'pg'
import { createLocator, type Locator } from './locator.ts'

export type Pool = pg.Pool & {
  /** The statements by which each transaction limits itself. */
  readonly transactionLimits: string
  /** All open connections, in use or idle. */
  readonly connections: ReadonlySet<pg.PoolClient>
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
 * No call on it can hang. Connecting takes at most 5 s, and 3 s more to find a host. A statement of a transaction waits for locks for at most 5 s and
 * takes at most `statementTimeoutMs`. A silent server is given up 5 s after that, inside and outside of a transaction. A
 * connection that breaks while idle is replaced at the next use, and none is kept for longer than five minutes.
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
  // An error event without a listener ends the process. The next use of the connection meets the error.
  pool.on('error', () => {})
  const connections = new Set<pg.PoolClient>()
  pool.on('connect', (client) => {
    client.on('error', () => {})
    connections.add(client)
  })
  pool.on('remove', (client) => connections.delete(client))
  return Object.assign(pool, { transactionLimits: limitTransaction(statementTimeoutMs), connections })
}

type ConnectCallback = (
  error: Error | undefined,
  client: pg.PoolClient | undefined,
  release: (destroy?: Error | boolean) => void,
) => void

/** A pool whose new clients connect to the server that a locator has found last. */
class LocatingPool extends pg.Pool {
  readonly #locator: Locator
  #describe: () => pg.ClientConfig = () => ({})
  #latest: pg.ClientConfig = {}

  constructor(locator: Locator, options: pg.PoolConfig) {
    const describe = () => this.#describeServer()
    super({
      ...options,
      Client: class extends pg.Client {
        constructor(config?: pg.ClientConfig) {
          super({ ...config, ...describe() })
        }
      },
    })
    this.#locator = locator
    // A statement that was refused counts as well: a server that has turned read-only refuses some.
    this.on('release', (problem) => {
      if (problem) locator.forget()
    })
    this.on('error', () => locator.forget())
  }

  override connect(): Promise<pg.PoolClient>
  override connect(callback: ConnectCallback): void
  override connect(callback?: ConnectCallback): Promise<pg.PoolClient> | undefined {
    const connected = this.#connect()
    if (callback === undefined) return connected
    connected.then(
      (client) => callback(undefined, client, (problem) => client.release(problem)),
      (error: Error) => callback(error, undefined, () => {}),
    )
    return undefined
  }

  async #connect(): Promise<pg.PoolClient> {
    this.#describe = await this.#locator.locate()
    try {
      return await super.connect()
    } catch (error) {
      this.#locator.forget()
      throw error
    }
  }

  /** An error here would end the process. A certificate that cannot be read while it is replaced is that of before. */
  #describeServer(): pg.ClientConfig {
    try {
      this.#latest = this.#describe()
    } catch (error) {
      if (Object.keys(this.#latest).length === 0) throw error
    }
    return this.#latest
  }
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
