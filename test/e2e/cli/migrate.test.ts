import { expect, inject, it, onTestFinished } from 'vitest'
import { createEmptyDatabase } from '../../support/databases.ts'
import { vss } from '../../support/vss-command.ts'

it('brings an empty database up to date, once', async () => {
  const database = await createEmptyDatabase(inject('databaseUrl'))
  onTestFinished(() => database.drop())
  const env = { DATABASE_URL: database.url, REDIS_URL: inject('redisUrl') }

  const before = await vss(['status'], env)
  expect(before.exitCode).toBe(1)
  expect(before.stderr).toMatch(/^vss: postgres:.* has no schema vss, or an old one: run vss migrate\n$/)

  const first = await vss(['migrate'], env)
  expect(first).toMatchObject({ exitCode: 0, stderr: '' })
  // Later migrations follow, one a line.
  expect(first.stdout).toMatch(/^applied 0001_\w+\napplied 0002_\w+\n(applied \d{4}_\w+\n)*$/)

  const second = await vss(['migrate', '--database-url', database.url])
  expect(second).toEqual({ exitCode: 0, stdout: 'schema vss is up to date\n', stderr: '' })

  // Nothing runs, which is for status to say: but it can read the rows.
  const after = await vss(['status'], env)
  expect(after.stderr).toBe('')
  expect(after.stdout).toContain('Ledger (deliveries since ')
})

it('names a database that is away, without its password', async () => {
  const { exitCode, stderr } = await vss(['migrate', '--database-url', 'postgres://vss:geheim@127.0.0.1:1/a'])
  expect(exitCode).toBe(1)
  expect(stderr).toMatch(
    /^vss: Postgres is away: postgres:\/\/127\.0\.0\.1:1\/a \(from --database-url\): .*ECONNREFUSED.*\n$/,
  )
  expect(stderr).not.toContain('geheim')
})
