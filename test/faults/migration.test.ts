import { expect, inject, onTestFinished, test } from 'vitest'
import { connect, createEmptyDatabase } from '../support/databases.ts'
import { fillEarlier, migrateToEarlier, migrateUnderLoad } from '../support/earlier-schema.ts'

test('a million sessions are migrated beside a writer, which waits at most 3 s', async () => {
  const database = await createEmptyDatabase(inject('databaseUrl'))
  onTestFinished(() => database.drop())
  const client = await connect(database.url)
  await migrateToEarlier(client, 4)
  await fillEarlier(client, 1_000_000)

  const { writes, longestWriteMs, files } = await migrateUnderLoad(database.url)

  // A table that is written anew gets another file. Tables that a migration makes come on top.
  expect(files.after).toMatchObject(files.before)
  expect(writes).toBeGreaterThan(1)
  expect(longestWriteMs).toBeLessThan(3_000)
})
