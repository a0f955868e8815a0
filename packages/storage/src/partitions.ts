import { toStorageFault } from './errors.ts'
import type { Pool } from './pool.ts'

/** With two months more than today's, a worker that runs once in two months keeps up. */
export const monthsAhead = 2

/** Within a week somebody has started a worker, or has ended the report that keeps partitions from being made. */
export const daysAhead = 7

/**
 * Creates the partitions that are missing: those of the ledger of this month and the next two, and those of the bodies of
 * today and the next seven days. It is to be called more than daily: a row without a partition goes to the default one,
 * which nobody can drop. Such rows move to their own partition when it is made.
 *
 * @returns the names of the partitions it created, such as `deliveries_2026_01` and `bodies_2026_01_31`.
 * @throws StorageFault
 */
export async function ensurePartitions(pool: Pick<Pool, 'query'>): Promise<string[]> {
  try {
    const months = await namesFrom(
      pool,
      'SELECT name FROM vss.ensure_ledger_partitions($1) AS name',
      monthsAhead,
    )
    const days = await namesFrom(pool, 'SELECT name FROM vss.ensure_body_partitions($1) AS name', daysAhead)
    return [...months, ...days]
  } catch (error) {
    throw toStorageFault(error)
  }
}

async function namesFrom(pool: Pick<Pool, 'query'>, statement: string, ahead: number): Promise<string[]> {
  const { rows } = await pool.query<{ name: string }>(statement, [ahead])
  return rows.map((row) => row.name)
}
