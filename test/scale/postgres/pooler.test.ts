import { findPooling } from '@vss-pipeline/storage'
import { migrate } from '@vss-pipeline/storage/migrate'
import { expect, inject, onTestFinished, test } from 'vitest'
import { createEmptyDatabase, createTestDatabase } from '../../support/databases.ts'
import { startPgBouncer } from '../../support/pgbouncer.ts'
import { vss } from '../../support/vss-command.ts'

test('a pooler is found, and whether it shares connections between transactions', async () => {
  const url = await makeDatabase()
  expect(await findPooling(url)).toBe('none')
  for (const settings of [{}, { server_round_robin: 1 }, { default_pool_size: 2 }]) {
    const pooler = await startPgBouncer(url, 'transaction', settings)
    expect(await findPooling(pooler.url)).toBe('transaction')
  }
  expect(await findPooling((await startPgBouncer(url, 'session')).url)).toBe('session')
})

test('a pooler whose connections others use is found', async () => {
  const url = await makeDatabase()
  const pooler = await startPgBouncer(url, 'transaction', { server_round_robin: 1 })
  const looks = await Promise.all(Array.from({ length: 5 }, () => findPooling(pooler.url)))
  expect(looks).toEqual(Array(5).fill('transaction'))
})

test('a migration through a transaction pooler says what it needs, and runs where that is set', async () => {
  const database = await createEmptyDatabase(inject('databaseUrl'))
  onTestFinished(() => database.drop())
  const pooler = await startPgBouncer(database.url)
  const env = { DATABASE_URL: pooler.url }

  const refused = await vss(['migrate'], env)
  expect(refused).toMatchObject({ exitCode: 2, stdout: '' })
  expect(refused.stderr).toContain('set DATABASE_DIRECT_URL to the address of Postgres itself')
  await expect(migrate({ databaseUrl: database.url, databaseDirectUrl: pooler.url })).rejects.toThrow(
    /^DATABASE_DIRECT_URL leads through a pooler/,
  )

  const migrated = await vss(['migrate'], { ...env, DATABASE_DIRECT_URL: database.url })
  expect(migrated).toMatchObject({ exitCode: 0, stdout: expect.stringContaining('applied 0001_sessions') })
})

test('a migration runs through a pooler that gives each client a connection of its own', async () => {
  const database = await createEmptyDatabase(inject('databaseUrl'))
  onTestFinished(() => database.drop())
  const pooler = await startPgBouncer(database.url, 'session')
  expect((await migrate({ databaseUrl: pooler.url })).length).toBeGreaterThan(10)
})

async function makeDatabase(): Promise<string> {
  const database = await createTestDatabase(inject('databaseUrl'))
  onTestFinished(() => database.drop())
  return database.url
}
