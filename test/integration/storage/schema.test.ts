import { readFile } from 'node:fs/promises'
import pg from 'pg'
import { expect, inject, onTestFinished, test } from 'vitest'
import { describeSchema, schemaFile } from '../../../packages/storage/src/dump-schema.ts'
import { createEmptyDatabase, createTestDatabase, type TestDatabase } from '../../support/databases.ts'

test('schema.sql is what the migrations make (else: node packages/storage/src/dump-schema.ts)', async () => {
  const client = await connect(await createTestDatabase(inject('databaseUrl')))

  expect(await describeSchema(client)).toBe(await readFile(schemaFile, 'utf8'))
})

test('schema.sql run by itself makes the same schema', async () => {
  const client = await connect(await createEmptyDatabase(inject('databaseUrl')))
  const schema = await readFile(schemaFile, 'utf8')

  await client.query(schema)

  expect(await describeSchema(client)).toBe(schema)
})

async function connect(database: TestDatabase): Promise<pg.Client> {
  onTestFinished(() => database.drop())
  const client = new pg.Client({ connectionString: database.url })
  await client.connect()
  onTestFinished(() => client.end())
  return client
}
