import type { PoolClient } from 'pg'
import { expectUtf8 } from './encoding.ts'
import { StorageFault, toStorageFault } from './errors.ts'
import type { Pool } from './pool.ts'
import { tables } from './privileges.ts'
import { inTransaction } from './transaction.ts'

/**
 * Returns when the database can take deliveries: reachable, not read-only, migrated, open to its role's
 * writes, and in UTF-8. It is for readiness checks. A connection that is found read-only is closed.
 *
 * @throws StorageFault that says which of these is missing.
 */
export async function pingDatabase(pool: Pool): Promise<void> {
  try {
    await inTransaction(pool, async (client) => {
      await expectWritable(client)
      await expectUtf8(client)
    })
  } catch (error) {
    throw toStorageFault(error)
  }
}

/** Postgres refuses to look for the privilege on a table or column that is not there: then the schema is an old one. */
const writtenColumns = (['sessions', 'call_legs', 'deliveries', 'minute_tallies'] as const).flatMap((table) =>
  tables[table].map((column) => [table, column] as const),
)

async function expectWritable(client: PoolClient): Promise<void> {
  const { rows } = await client.query<{ is_read_only: boolean; has_schema: boolean; may_write: boolean }>(
    `SELECT current_setting('transaction_read_only')::boolean AS is_read_only,
            to_regclass('vss.deliveries') IS NOT NULL AS has_schema,
            CASE WHEN to_regclass('vss.deliveries') IS NOT NULL THEN
              (SELECT bool_and(has_column_privilege('vss.' || table_name, column_name, 'INSERT'))
               FROM unnest($1::text[], $2::text[]) AS written (table_name, column_name))
            END AS may_write`,
    [writtenColumns.map(([table]) => table), writtenColumns.map(([, column]) => column)],
  )
  const [state] = rows
  if (state?.is_read_only) throw new StorageFault('database_unavailable', 'the database is read-only')
  if (!state?.has_schema) {
    throw new StorageFault('schema_missing', 'schema vss is missing: run the migrations')
  }
  if (!state.may_write) {
    throw new StorageFault(
      'permission_denied',
      'the role of DATABASE_URL may not write to schema vss: give it vss_writer (deploy/postgres/roles.sql)',
    )
  }
}
