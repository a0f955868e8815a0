import {
  type Columns,
  columnNameOf,
  handlingOf,
  inTransaction,
  memberAsRead,
  type Pool,
  toStorageFault,
} from '@vss-pipeline/storage'
import type { ClientBase, QueryResultRow } from 'pg'

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
  const members = Object.entries(columns).map(([member, { type }]) => ({
    name: memberAsRead(member),
    column: columnNameOf(member),
    read: handlingOf(type).read ?? asItIs,
  }))
  return rows.map((row) => {
    return Object.fromEntries(members.map(({ name, column, read }) => [name, read(row[column])])) as Row
  })
}

function asItIs(value: unknown): unknown {
  return value
}
