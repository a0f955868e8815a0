import { inTransaction, type Pool, toStorageFault } from '@vss-pipeline/storage'
import type { ClientBase, QueryResultRow } from 'pg'

/** What is written with times in milliseconds is read with times as ISO 8601 text: `startedAtMs` as `startedAt`. */
export type AsRead<Written> = {
  [Name in keyof Written as Name extends `${infer Event}AtMs`
    ? `${Event}At`
    : Name]: Name extends `${string}AtMs` ? Exclude<Written[Name], number> | string : Written[Name]
}

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

export async function selectRows<Row>(client: ClientBase, text: string, values: unknown[]): Promise<Row[]> {
  const { rows } = await client.query<QueryResultRow>(text, values)
  return rows.map((row) => toModel(row) as Row)
}

/** Column names as the model spells them, timestamps as it writes them. */
function toModel(row: QueryResultRow): object {
  return Object.fromEntries(
    Object.entries(row).map(([column, value]) => [
      column.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase()),
      value instanceof Date ? value.toISOString() : value,
    ]),
  )
}
