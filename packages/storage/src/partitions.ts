import { toStorageFault } from './errors.ts'
import type { Pool } from './pool.ts'

/** With two months more than today's, a worker that runs once in two months keeps up. */
export const monthsAhead = 2

/**
 * Creates the ledger's partitions of this month and the next two, where they are missing. It is to be called daily: a
 * delivery without a partition goes to the default partition, which nobody can drop by the month.
 *
 * @returns the names of the partitions it created, such as `deliveries_2026_01`.
 * @throws StorageFault
 */
export async function ensureLedgerPartitions(pool: Pick<Pool, 'query'>): Promise<string[]> {
  try {
    const { rows } = await pool.query<{ name: string }>(
      'SELECT ensure_ledger_partitions AS name FROM vss.ensure_ledger_partitions($1)',
      [monthsAhead],
    )
    return rows.map((row) => row.name)
  } catch (error) {
    throw toStorageFault(error)
  }
}
