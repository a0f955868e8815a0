import { operations, runOperation } from '@vss-pipeline/runtime'
import type { PoolClient, QueryResult, Submittable } from 'pg'
import { isLasting, toStorageFault } from './errors.ts'
import type { Pool } from './pool.ts'

/**
 * Runs `work` in one transaction on a connection of its own: commits when it returns, rolls back when it
 * throws, and throws what it threw. `begin` may ask for another isolation. The pool's limits hold in it. `work` gets the
 * time at which it began too, by the server's clock: that of `now()`.
 *
 * A connection is closed when its state is unknown, and when its error says that nothing will succeed over it: after a
 * failover behind one address the next connection may lead to a server that works.
 */
export async function inTransaction<Result>(
  pool: Pool,
  work: (client: PoolClient, beganAt: Date) => Promise<Result>,
  begin = 'BEGIN',
): Promise<Result> {
  const client = publishStatements(await pool.connect())
  let isReusable = false
  try {
    const beganAt = await beginTransaction(client, `${begin}; ${pool.transactionLimits}`)
    const result = await work(client, beganAt)
    await client.query('COMMIT')
    isReusable = true
    return result
  } catch (error) {
    isReusable = !isLasting(toStorageFault(error)) && (await isRolledBack(client))
    throw error
  } finally {
    client.release(!isReusable)
  }
}

async function beginTransaction(client: PoolClient, statements: string): Promise<Date> {
  // pg has a result for each statement, which its types do not know.
  const results: unknown = await client.query(`${statements}; SELECT pg_catalog.now() AS now`)
  return (results as QueryResult<{ now: Date }>[]).at(-1)!.rows[0]!.now
}

/** The client, whose statements are operations that are published. Without subscribers it is the client itself. */
function publishStatements(client: PoolClient): PoolClient {
  if (!operations.statement.hasSubscribers) return client
  function query(text: string | Submittable, values?: unknown[]) {
    // A COPY publishes itself.
    if (typeof text !== 'string') return client.query(text)
    return runOperation(
      operations.statement,
      (startedMs) => ({ startedMs, text }),
      () => client.query(text, values),
    )
  }
  return Object.create(client, { query: { value: query } })
}

async function isRolledBack(client: PoolClient): Promise<boolean> {
  try {
    await client.query('ROLLBACK')
    return true
  } catch {
    return false
  }
}
