import { createHash, randomUUID } from 'node:crypto'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { migrate } from '@vss-pipeline/storage/migrate'
import pg from 'pg'
import { onTestFinished } from 'vitest'
import { createGrantFunction } from '../../packages/storage/src/privileges.ts'

const migrationsFolder = join(import.meta.dirname, '../..', 'packages', 'storage', 'migrations')

/** Any number that nothing else locks on a test server. */
const templateLockKey = 5_337_700_118_078

export interface TestDatabase {
  url: string
  /** Removes the database. It fails while a client is connected, so that a leaked connection fails the test. */
  drop(): Promise<void>
}

/**
 * Creates a migrated, empty database on a server. The URL's role must have the right to create databases.
 *
 * The database is a copy of a template that is migrated once per schema version and server. Test files and processes
 * may call this at the same time.
 *
 * @param databaseUrl any existing database of that server.
 */
export async function createTestDatabase(databaseUrl: string): Promise<TestDatabase> {
  return await withClient(databaseUrl, async (client) =>
    createFrom(client, databaseUrl, await ensureTemplate(client, databaseUrl)),
  )
}

/**
 * Creates a database without schema `vss`, for tests of the code that creates it.
 *
 * @param options.encoding another one than the server's
 */
export async function createEmptyDatabase(
  databaseUrl: string,
  options: { encoding?: string } = {},
): Promise<TestDatabase> {
  const { encoding } = options
  // Every encoding goes with the locale C, and few go with another.
  const inEncoding = encoding === undefined ? '' : ` ENCODING '${encoding}' LOCALE 'C'`
  return await withClient(databaseUrl, (client) => createFrom(client, databaseUrl, `template0${inEncoding}`))
}

async function createFrom(client: pg.Client, databaseUrl: string, template: string): Promise<TestDatabase> {
  const name = `vss_test_${randomUUID().replaceAll('-', '')}`
  await client.query(`CREATE DATABASE ${name} TEMPLATE ${template}`)
  return {
    url: urlOf(databaseUrl, name),
    async drop() {
      await withClient(databaseUrl, (admin) => admin.query(`DROP DATABASE ${name}`))
    },
  }
}

async function ensureTemplate(client: pg.Client, databaseUrl: string): Promise<string> {
  const name = `vss_template_${await schemaVersion()}`
  await client.query('SELECT pg_advisory_lock($1)', [templateLockKey])
  try {
    const { rows } = await client.query('SELECT FROM pg_database WHERE datname = $1', [name])
    if (rows.length === 0) {
      // The template gets its name when it is complete, so that a run that dies half-way leaves only a draft.
      const draft = `${name}_draft`
      await client.query(`DROP DATABASE IF EXISTS ${draft}`)
      await client.query(`CREATE DATABASE ${draft} TEMPLATE template0`)
      await migrate({ databaseUrl: urlOf(databaseUrl, draft) })
      await client.query(`ALTER DATABASE ${draft} RENAME TO ${name}`)
    }
  } finally {
    await client.query('SELECT pg_advisory_unlock($1)', [templateLockKey])
  }
  return name
}

/** Changes with the migrations, with the grants, and with the day: `migrate` makes the partitions of the next days. */
async function schemaVersion(): Promise<string> {
  const digest = createHash('sha256')
    .update(new Date().toISOString().slice(0, 10))
    .update(createGrantFunction)
  for (const file of (await readdir(migrationsFolder)).sort()) {
    digest.update(file).update(await readFile(join(migrationsFolder, file)))
  }
  return digest.digest('hex').slice(0, 16)
}

function urlOf(databaseUrl: string, database: string): string {
  const url = new URL(databaseUrl)
  url.pathname = `/${database}`
  return url.href
}

/** A connection that is closed when the test has finished. */
export async function connect(databaseUrl: string): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: databaseUrl })
  await client.connect()
  onTestFinished(() => client.end())
  return client
}

/** Runs statements on a connection of their own. @returns the rows, where it is one statement. */
export async function rowsOf<Row extends pg.QueryResultRow>(
  databaseUrl: string,
  statements: string,
): Promise<Row[]> {
  return await withClient(databaseUrl, async (client) => (await client.query<Row>(statements)).rows)
}

async function withClient<Result>(
  databaseUrl: string,
  use: (client: pg.Client) => Promise<Result>,
): Promise<Result> {
  const client = new pg.Client({ connectionString: databaseUrl })
  await client.connect()
  try {
    return await use(client)
  } finally {
    await client.end()
  }
}
