import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type pg from 'pg'
import { expect, inject, onTestFinished, test } from 'vitest'
import { columnNameOf } from '../../../packages/storage/src/column-name.ts'
import {
  bodyColumns,
  callLegColumns,
  deliveryColumns,
  sessionColumns,
} from '../../../packages/storage/src/columns.ts'
import {
  connect,
  createEmptyDatabase,
  createTestDatabase,
  type TestDatabase,
} from '../../support/databases.ts'
import { describeForReaders } from './describe-for-readers.ts'
import { describeSchema } from './describe-schema.ts'

const schemaFile = join(import.meta.dirname, '../../../packages/storage/schema.sql')
const schemaPage = join(import.meta.dirname, '../../../docs/schema.md')

test('schema.sql describes the schema that the migrations make (else: npx vitest run schema -u)', async () => {
  const client = await connectUntilFinished(await createTestDatabase(inject('databaseUrl')))

  await expect(await describeSchema(client)).toMatchFileSnapshot(schemaFile)
})

test('docs/schema.md has the comments of all that readers may use (else: npx vitest run schema -u)', async () => {
  const client = await connectUntilFinished(await createTestDatabase(inject('databaseUrl')))

  await expect(await describeForReaders(client)).toMatchFileSnapshot(schemaPage)
})

test('schema.sql run by itself makes the same schema', async () => {
  const client = await connectUntilFinished(await createEmptyDatabase(inject('databaseUrl')))
  const schema = await readFile(schemaFile, 'utf8')

  await client.query(schema)

  expect(await describeSchema(client)).toBe(schema)
})

test.each([
  ['vss.sessions', sessionColumns],
  ['vss.call_legs', callLegColumns],
  ['vss.deliveries', deliveryColumns],
  ['vss.bodies', bodyColumns],
])('columns.ts has every column of %s, with its type', async (table, columns) => {
  const client = await connectUntilFinished(await createTestDatabase(inject('databaseUrl')))

  const { rows } = await client.query<{ name: string; type: string }>(
    `SELECT attname AS name, replace(format_type(atttypid, NULL), 'timestamp with time zone', 'timestamptz') AS type
     FROM pg_attribute
     WHERE attrelid = $1::regclass AND attnum > 0 AND NOT attisdropped`,
    [table],
  )

  const said = Object.entries(columns).map(([member, { type }]) => [columnNameOf(member), type])
  expect(Object.fromEntries(said)).toEqual(Object.fromEntries(rows.map(({ name, type }) => [name, type])))
})

async function connectUntilFinished(database: TestDatabase): Promise<pg.Client> {
  onTestFinished(() => database.drop())
  return await connect(database.url)
}
