import type { Pool, StorageFault } from '@vss-pipeline/storage'
import { CommandFailure } from './failure.ts'
import { displayServer, type ServerSetting } from './settings.ts'

/**
 * Connects, does the work and disconnects.
 *
 * @throws CommandFailure when the database is away or refuses the work.
 */
export async function withDatabase<Result>(
  database: ServerSetting,
  work: (pool: Pool) => Promise<Result>,
  limits: { statementTimeoutMs?: number } = {},
): Promise<Result> {
  const { createPool } = await import('@vss-pipeline/storage')
  const pool = createPool({
    databaseUrl: database.url,
    maxConnections: 1,
    applicationName: 'vss-cli',
    ...limits,
  })
  try {
    return await explainFaults(database, () => work(pool))
  } finally {
    await pool.end()
  }
}

/** Turns a fault of storage into a line for the operator. @throws CommandFailure */
export async function explainFaults<Result>(
  database: ServerSetting,
  work: () => Promise<Result>,
): Promise<Result> {
  const { StorageFault } = await import('@vss-pipeline/storage')
  try {
    return await work()
  } catch (error) {
    if (!(error instanceof StorageFault)) throw error
    throw new CommandFailure(explain(database, error), { cause: error })
  }
}

function explain({ url, origin }: ServerSetting, fault: StorageFault): string {
  const where = `${displayServer(url)} (from ${origin})`
  if (fault.code === 'schema_missing') {
    return `${where} has no schema vss, or an old one: run vss migrate`
  }
  if (fault.code === 'permission_denied') {
    return `${where}: ${fault.message}: its role may not do this; deploy/postgres/roles.sql has one that may`
  }
  const state = fault.code === 'database_unavailable' ? 'Postgres is away' : 'Postgres failed'
  return `${state}: ${where}: ${fault.message}`
}
