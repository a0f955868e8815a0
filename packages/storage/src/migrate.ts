import { allowSlowLinks, answerArguments, ConfigError, readSettings } from '@vss-pipeline/runtime'
import type pg from 'pg'
import { connectClient } from './client.ts'
import { expectUtf8 } from './encoding.ts'
import { StorageFault, toStorageFault } from './errors.ts'
import { migrationsFolder } from './migrations-folder.ts'
import { ensurePartitions } from './partitions.ts'
import { findPooling } from './pooling.ts'
import { createGrantFunction } from './privileges.ts'

/** No other program may lock this number in the same database. */
const migrationLockKey = 5_337_700_118_077

/** Writers wait behind a migration that waits for a table. So it waits only this long, and somebody runs it again. */
const tableLockTimeoutMs = 2_000

/**
 * Brings schema `vss` up to date. It applies the migrations that are missing, each in a transaction. Then it gives the
 * roles of deploy/postgres/roles.sql, where there are any, the privileges of privileges.ts, and creates the
 * partitions of the coming days and months. Any number of processes may call it at once: one does the work, and the others wait
 * for it for up to two minutes.
 *
 * @param options.databaseDirectUrl the same database without a pooler between, where `databaseUrl` has one
 * @returns the names of the migrations it applied; empty when there was nothing to do.
 * @throws StorageFault, and ConfigError where a pooler would take its session apart
 */
export async function migrate(options: {
  databaseUrl: string
  databaseDirectUrl?: string | undefined
  logger?: { info(fields: object, message: string): void }
}): Promise<string[]> {
  const { databaseUrl, databaseDirectUrl } = options
  await expectOwnSession(databaseDirectUrl ?? databaseUrl, databaseDirectUrl && 'DATABASE_DIRECT_URL')
  let client: pg.Client | undefined
  try {
    client = await connectClient(databaseDirectUrl ?? databaseUrl, { application_name: 'vss-migrate' })
    await expectUtf8(client)
    await client.query(`SET lock_timeout = '2min'`)
    await client.query('SELECT pg_advisory_lock($1::bigint)', [migrationLockKey])
    await client.query(`SET lock_timeout = ${tableLockTimeoutMs}`)
    await createSchemaIfMissing(client)
    const applied = await applyMigrations(client)
    for (const { name } of applied) options.logger?.info({ migration: name }, 'migration applied')
    await client.query(`${commentsOnMigrations}${createGrantFunction}SELECT vss.grant_to_roles()`)
    for (const partition of await ensurePartitions(client)) {
      options.logger?.info({ partition }, 'partition created')
    }
    return applied.map(({ name }) => name)
  } catch (error) {
    throw toStorageFault(error)
  } finally {
    // The lock ends with the connection, also after a fault.
    await client?.end().catch(() => {})
  }
}

/** Behind a transaction pooler the lock below would stay with a connection that others get, and two may hold it. */
async function expectOwnSession(url: string, name = 'the URL of the database'): Promise<void> {
  if ((await findPooling(url)) !== 'transaction') return
  throw new ConfigError(
    `${name} leads through a pooler that gives every transaction another connection, and a migration holds a lock of its session: set DATABASE_DIRECT_URL to the address of Postgres itself`,
  )
}

async function applyMigrations(client: pg.Client): Promise<{ name: string }[]> {
  // A worker that imports the package starts faster without it.
  const { runner } = await import('node-pg-migrate')
  try {
    return await runner({
      dbClient: client,
      dir: migrationsFolder,
      direction: 'up',
      // A migration's names must not mean what somebody creates in schema public.
      schema: 'vss',
      migrationsSchema: 'vss',
      migrationsTable: 'migrations',
      noLock: true,
      logger: silentLogger,
    })
  } catch (error) {
    const fault = toStorageFault(error)
    if (fault.code !== 'database_busy') throw fault
    const waited = `a migration waited ${tableLockTimeoutMs / 1000} s for a table that another connection holds`
    throw new StorageFault(fault.code, `${waited}: run migrate again (SQLSTATE 55P03)`, {
      sqlState: '55P03',
    })
  }
}

/** node-pg-migrate makes the table, and leaves it without comments. */
const commentsOnMigrations = `
COMMENT ON TABLE vss.migrations IS 'The migrations that the schema has: vss doctor compares them with those of its release.';
COMMENT ON COLUMN vss.migrations.id IS 'Counts them';
COMMENT ON COLUMN vss.migrations.name IS 'As its file is named, without .sql';
COMMENT ON COLUMN vss.migrations.run_on IS 'When it ran, by the time zone of that session';
`

/** CREATE SCHEMA IF NOT EXISTS needs the right to create one, even where an administrator has created it. */
async function createSchemaIfMissing(client: pg.Client): Promise<void> {
  const { rows } = await client.query(`SELECT FROM pg_namespace WHERE nspname = 'vss'`)
  if (rows.length === 0) await client.query('CREATE SCHEMA vss')
}

/** node-pg-migrate prints errors that it also throws. */
const silentLogger = { info() {}, warn() {}, error() {} }

async function main(): Promise<void> {
  if (answerArguments('migrate', process.argv.slice(2))) return
  allowSlowLinks()
  try {
    const applied = await migrate(readSettings(process.env, 'migrate'))
    for (const name of applied) console.log(`applied ${name}`)
    if (applied.length === 0) console.log('schema vss is up to date')
  } catch (error) {
    if (!(error instanceof StorageFault || error instanceof ConfigError)) throw error
    console.error(`migrate: ${error.message}`)
    process.exitCode = error instanceof ConfigError ? 2 : 1
  }
}

if (import.meta.main) await main()
