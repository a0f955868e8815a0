import type pg from 'pg'
import { connectClient } from './client.ts'
import { toStorageFault } from './errors.ts'

/**
 * The kind of pooler between a client and Postgres.
 *
 * - `none`: nothing that Postgres' own words do not come through.
 * - `session`: a pooler that gives a client one connection of Postgres for as long as it stays.
 * - `transaction`: a pooler that gives it another one from transaction to transaction: settings and locks of a session
 *   come to others.
 */
export type Pooling = 'none' | 'session' | 'transaction'

/** A pooler gives away the connection that was used last, or the next in turn. Others may use them meanwhile. */
const mostLooks = 5

/**
 * Finds out whether a URL leads through a pooler. It does not ask the pooler, because few clients may: a pooler gives its
 * clients process ids of its own, and two clients the same connection.
 *
 * @throws StorageFault
 */
export async function findPooling(databaseUrl: string): Promise<Pooling> {
  const config = { application_name: 'vss-pooling', query_timeout: 10_000 }
  const clients: pg.Client[] = []
  try {
    const client = await connectClient(databaseUrl, config)
    clients.push(client)
    if ((await backendOf(client)) === (client as { processID?: number }).processID) return 'none'
    const other = await connectClient(databaseUrl, config)
    clients.push(other)
    for (let looks = 0; looks < mostLooks; looks++) {
      const before = await backendOf(client)
      await other.query('BEGIN')
      const taken = await backendOf(other)
      const after = await backendOf(client)
      await other.query('ROLLBACK')
      if (taken === before || after !== before) return 'transaction'
    }
    return 'session'
  } catch (error) {
    throw toStorageFault(error)
  } finally {
    await Promise.all(clients.map((client) => client.end().catch(() => {})))
  }
}

async function backendOf(client: pg.Client): Promise<number> {
  const { rows } = await client.query<{ pid: number }>('SELECT pg_backend_pid() AS pid')
  return rows[0]!.pid
}
