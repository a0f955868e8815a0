import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { type PostgresBinaries, type RunningServer, startPostgres } from '@vss-pipeline/local-stack'
import { kinds, readVariable } from '@vss-pipeline/runtime'

/** More than `npm start` has: room for prepared transactions, and a write-ahead log that can be decoded. */
export const testParameters = { max_prepared_transactions: 5, wal_level: 'logical' }

/** The major version that `TEST_POSTGRES` asks for; undefined for what the tests take by themselves. */
export function readTestPostgres(env: NodeJS.ProcessEnv = process.env): string | undefined {
  return readVariable(env, 'TEST_POSTGRES', kinds.oneOf('15', '16', '17', '18'))
}

/**
 * Starts a Postgres for tests on a free port: Debian's of the version that `TEST_POSTGRES` asks for, else the one that
 * npm installed.
 *
 * @param parameters beside {@link testParameters}.
 * @throws Error when Debian's is not installed.
 */
export async function startTestPostgres(
  dataDir: string,
  parameters: Record<string, string | number> = {},
): Promise<RunningServer> {
  const major = readTestPostgres()
  const binaries = major === undefined ? undefined : findDebianPostgres(major)
  if (major !== undefined && binaries === undefined) {
    throw new Error(
      `TEST_POSTGRES is ${major}, and there is no ${debianFolder(major)}: install the package postgresql-${major}, ` +
        'or leave it out for the Postgres that npm installed',
    )
  }
  return await startPostgres({ dataDir, port: 0, binaries, parameters: { ...testParameters, ...parameters } })
}

/** Where Debian's package of that major version puts its programs. */
export function debianFolder(major: string): string {
  return `/usr/lib/postgresql/${major}/bin`
}

/** Debian's programs of that major version; undefined where they are not installed. */
export function findDebianPostgres(major: string): PostgresBinaries | undefined {
  const folder = debianFolder(major)
  const binaries = { initdb: join(folder, 'initdb'), postgres: join(folder, 'postgres') }
  return existsSync(binaries.postgres) ? binaries : undefined
}
