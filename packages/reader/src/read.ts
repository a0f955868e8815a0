import { type Columns, inTransaction, type Pool, toStorageFault } from '@vss-pipeline/storage'
import type { ClientBase, QueryResultRow } from 'pg'
import { rowReader } from './rows.ts'

/** Reads in a transaction, whose limits then hold, and from one snapshot. @throws StorageFault */
export async function readSnapshot<Result>(
  pool: Pool,
  select: (client: ClientBase) => Promise<Result>,
): Promise<Result> {
  try {
    return await inTransaction(pool, select, 'BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY')
  } catch (error) {
    throw toStorageFault(error)
  }
}

/** Reads rows by a statement that selects these columns. */
export async function selectRows<Row>(
  client: ClientBase,
  columns: Columns,
  text: string,
  values: unknown[],
): Promise<Row[]> {
  const { rows } = await client.query<QueryResultRow>(text, values)
  return rows.map(rowReader<Row>(columns))
}
