import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { migrate } from '@vss-pipeline/storage/migrate'
import { expect, inject, onTestFinished, test } from 'vitest'
import { connect, createEmptyDatabase, rowsOf } from '../../support/databases.ts'
import { describeSchema } from './describe-schema.ts'

const storageFolder = join(import.meta.dirname, '..', '..', '..', 'packages', 'storage')

test('an empty database gets every migration in order, and a migrated one gets none', async () => {
  const url = await emptyDatabaseUrl()
  const files = (await readdir(join(storageFolder, 'migrations'))).sort()

  expect(await migrate({ databaseUrl: url })).toEqual(files.map((file) => file.replace('.sql', '')))
  expect(await migrate({ databaseUrl: url })).toEqual([])
})

test('four processes that migrate at once all succeed, and every migration is applied once', async () => {
  const url = await emptyDatabaseUrl()

  const runs = await Promise.all([1, 2, 3, 4].map(() => runMigrate({ DATABASE_URL: url })))

  expect(runs.map((run) => run.exitCode)).toEqual([0, 0, 0, 0])
  const lines = runs.map((run) => run.stdout)
  expect(lines.filter((line) => line.startsWith('applied '))).toHaveLength(1)
  expect(lines.filter((line) => line === 'schema vss is up to date\n')).toHaveLength(3)
})

test('a migration makes everything in schema vss', async () => {
  const url = await emptyDatabaseUrl()
  await migrate({ databaseUrl: url })

  const rows = await rowsOf(
    url,
    `SELECT relname FROM pg_class
     WHERE relnamespace NOT IN ('vss'::regnamespace, 'pg_catalog'::regnamespace, 'pg_toast'::regnamespace,
       'information_schema'::regnamespace)`,
  )
  expect(rows).toEqual([])
})

test('every table, view, column and function has a comment', async () => {
  const url = await emptyDatabaseUrl()
  await migrate({ databaseUrl: url })

  const rows = await rowsOf(
    url,
    `SELECT relname::text AS name FROM pg_class
     WHERE relnamespace = 'vss'::regnamespace AND relkind IN ('r', 'p', 'v') AND relname !~ '_\\d{4}(_\\d{2})+$'
       AND obj_description(oid, 'pg_class') IS NULL
     UNION ALL
     SELECT attrelid::regclass || '.' || attname FROM pg_attribute
     JOIN pg_class ON pg_class.oid = attrelid
     WHERE relnamespace = 'vss'::regnamespace AND relkind IN ('r', 'p', 'v') AND NOT relispartition
       AND relname <> 'migrations' AND attnum > 0 AND col_description(attrelid, attnum) IS NULL
     UNION ALL
     SELECT oid::regprocedure::text FROM pg_proc
     WHERE pronamespace = 'vss'::regnamespace AND obj_description(oid, 'pg_proc') IS NULL`,
  )
  expect(rows).toEqual([])
})

test('a role that may not create schemas can migrate where an administrator made schema vss for it', async () => {
  const url = await emptyDatabaseUrl()
  const role = await createRole(url)
  await rowsOf(url, `CREATE SCHEMA vss AUTHORIZATION ${role.name}`)

  expect(await migrate({ databaseUrl: role.url })).not.toEqual([])
})

test('a database that an earlier release migrated gets the grants of this one', async () => {
  const url = await emptyDatabaseUrl()
  await migrate({ databaseUrl: url })
  await rowsOf(
    url,
    `CREATE OR REPLACE FUNCTION vss.grant_to_roles() RETURNS void LANGUAGE sql AS 'GRANT SELECT ON vss.deliveries TO PUBLIC';
     GRANT EXECUTE ON FUNCTION vss.grant_to_roles(), vss.utf8_text(bytea) TO PUBLIC`,
  )

  await migrate({ databaseUrl: url })

  expect(await describeSchema(await connect(url))).toBe(
    await readFile(join(storageFolder, 'schema.sql'), 'utf8'),
  )
})

test('a database that cannot be reached is one line on standard error, without the password', async () => {
  const run = await runMigrate({ DATABASE_URL: 'postgres://somebody:hush-hush@127.0.0.1:1/vss' })

  expect(run).toEqual({
    exitCode: 1,
    stdout: '',
    stderr: 'migrate: the database cannot be reached: connect ECONNREFUSED 127.0.0.1:1\n',
  })
})

test('a database that does not exist is one line on standard error, without the password', async () => {
  const url = new URL(inject('databaseUrl'))
  url.pathname = '/vss_no_such_database'

  const run = await runMigrate({ DATABASE_URL: url.href })

  expect(run).toMatchObject({
    exitCode: 1,
    stderr: 'migrate: database "vss_no_such_database" does not exist (SQLSTATE 3D000)\n',
  })
})

test('a wrong DATABASE_URL is one line on standard error that does not show it', async () => {
  const run = await runMigrate({ DATABASE_URL: 'mysql://somebody:hush-hush@127.0.0.1/vss' })

  expect(run.exitCode).toBe(2)
  expect(run.stderr).toMatch(/^migrate: DATABASE_URL .*postgres:.*\n$/)
  expect(run.stderr).not.toContain('hush-hush')
})

async function emptyDatabaseUrl(): Promise<string> {
  const database = await createEmptyDatabase(inject('databaseUrl'))
  onTestFinished(() => database.drop())
  return database.url
}

async function createRole(databaseUrl: string): Promise<{ name: string; url: string }> {
  const url = new URL(databaseUrl)
  const name = `${url.pathname.slice(1)}_role`
  await rowsOf(databaseUrl, `CREATE ROLE ${name} LOGIN PASSWORD 'role'`)
  onTestFinished(() =>
    rowsOf(databaseUrl, `DROP OWNED BY ${name} CASCADE`)
      .then(() => rowsOf(databaseUrl, `DROP ROLE ${name}`))
      .then(() => {}),
  )
  url.username = name
  url.password = 'role'
  return { name, url: url.href }
}

async function runMigrate(env: NodeJS.ProcessEnv) {
  const child = spawn(process.execPath, [join(storageFolder, 'src', 'migrate.ts')], {
    env: { PATH: process.env.PATH, ...env },
  })
  const [stdout, stderr, [exitCode]] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    once(child, 'exit'),
  ])
  return { exitCode, stdout, stderr }
}
