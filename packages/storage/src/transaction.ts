import type { PoolClient } from 'pg'
import { isConnectionError } from './errors.ts'
import type { Pool } from './pool.ts'

/**
 * Runs `work` in one transaction on a connection of its own: commits when it returns, rolls back when it
 * throws, and throws what it threw. `begin` may ask for another isolation. A connection whose state is not certain afterwards is closed.
 */
export async function inTransaction<Result>(
  pool: Pool,
  work: (client: PoolClient) => Promise<Result>,
  begin = 'BEGIN',
): Promise<Result> {
  const client = await pool.connect()
  let isReusable = false
  try {
    await client.query(begin)
    const result = await work(client)
    await client.query('COMMIT')
    isReusable = true
    return result
  } catch (error) {
    isReusable = !isConnectionError(error) && (await isRolledBack(client))
    throw error
  } finally {
    client.release(!isReusable)
  }
}

async function isRolledBack(client: PoolClient): Promise<boolean> {
  try {
    await client.query('ROLLBACK')
    return true
  } catch {
    return false
  }
}
