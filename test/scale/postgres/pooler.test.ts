import { createWriter, findPooling } from '@vss-pipeline/storage'
import { migrate } from '@vss-pipeline/storage/migrate'
import { expect, inject, onTestFinished, test } from 'vitest'
import { createEmptyDatabase, createTestDatabase } from '../../support/databases.ts'
import { delivery, session } from '../../support/entries.ts'
import { openPool } from '../../support/open-storage.ts'
import { startPgBouncer } from '../../support/pgbouncer.ts'
import { type VssEnv, vss } from '../../support/vss-command.ts'

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

test('the doctor asks for the other address of a database behind a pooler, and looks where it leads', async () => {
  const url = await makeDatabase()
  const elsewhere = await makeDatabase()
  const env = { DATABASE_URL: (await startPgBouncer(url)).url, REDIS_URL: inject('redisUrl') }
  const codesOf = async (more: VssEnv) => {
    const { findings } = JSON.parse((await vss(['doctor', '--json'], { ...env, ...more })).stdout)
    return findings
      .map(({ code }: { code: string }) => code)
      .filter((code: string) => /direct|address/.test(code))
  }
  expect(await codesOf({})).toEqual(['direct_url_missing'])
  expect(await codesOf({ DATABASE_DIRECT_URL: url })).toEqual([])
  expect(await codesOf({ DATABASE_DIRECT_URL: (await startPgBouncer(url)).url })).toEqual([
    'direct_url_pooled',
  ])
  expect(await codesOf({ DATABASE_DIRECT_URL: elsewhere, READ_DATABASE_URL: elsewhere })).toEqual([
    'address_elsewhere',
    'address_elsewhere',
  ])
})

test('the commands that use the database work through a transaction pooler, two at a time', async () => {
  const url = await makeDatabase()
  const content = session()
  await createWriter({ pool: openPool(url), pipelineVersion: 'test' }).write([delivery(content)])
  const env = { DATABASE_URL: (await startPgBouncer(url)).url, REDIS_URL: inject('redisUrl') }
  const commands = [
    ['tail', '--consumer', 'export', '--from', 'beginning', '--max', '1'],
    ['consumers', 'list', '--json'],
    ['consumers', 'remove', 'export', '--yes'],
    ['sessions', 'show', content.sessionId, '--json'],
    ['drift', '--json'],
    ['rejected', '--json'],
    ['retention', '--json'],
    ['ingests', 'list', '--json'],
    ['reprocess', '--since', '1d', '--yes', '--json'],
    ['feed', 'continue', '--json'],
    ['feed', 'restart', '--yes', '--json'],
  ]
  for (const command of commands) {
    const results = await Promise.all([vss(command, env), vss(command, env)])
    for (const { stderr } of results) expect(stderr, command.join(' ')).not.toMatch(/away|failed|SQLSTATE/)
    expect(
      results.map(({ exitCode }) => exitCode),
      command.join(' '),
    ).toContain(0)
  }
})

test.each([
  { work: 'vss.add_up_minutes(1000)', nothing: 0 },
  { work: 'vss.set_retention(1, 1, 1)', nothing: false },
  { work: `vss.delete_expired('sessions')`, nothing: 0 },
])('$work is done by one worker at a time, also behind a pooler', async ({ work, nothing }) => {
  const url = await makeDatabase()
  const direct = openPool(url)
  const writer = createWriter({ pool: direct, pipelineVersion: 'test' })
  await writer.write([delivery(session()), delivery(session())])
  await direct.query('SELECT vss.set_retention(1, 1, 1)')
  await direct.query(`UPDATE vss.sessions SET received_at = now() - interval '3 days'`)
  const pooled = openPool((await startPgBouncer(url)).url)
  const statement = `SELECT ${work} AS done`

  const first = await pooled.connect()
  await first.query('BEGIN')
  const { rows } = await first.query(statement)
  expect(rows[0].done).not.toBe(nothing)
  const others = await Promise.all(Array.from({ length: 5 }, () => pooled.query(statement)))
  expect(others.map((other) => other.rows[0].done)).toEqual(Array(5).fill(nothing))
  await first.query('ROLLBACK')
  first.release()

  // The lock has gone with its transaction, and stays with no connection of the pooler.
  expect((await direct.query(statement)).rows).toEqual(rows)
})

async function makeDatabase(): Promise<string> {
  const database = await createTestDatabase(inject('databaseUrl'))
  onTestFinished(() => database.drop())
  return database.url
}
