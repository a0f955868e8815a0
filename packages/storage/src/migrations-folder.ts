import { readdir } from 'node:fs/promises'
import { join } from 'node:path'

/** The migrations of this release, a file each. */
export const migrationsFolder = join(import.meta.dirname, '..', 'migrations')

/** @returns the names of the migrations of this release, as `vss.migrations` has them, in their order. */
export async function namesOfMigrations(): Promise<string[]> {
  const files = await readdir(migrationsFolder)
  return files
    .filter((file) => file.endsWith('.sql'))
    .map((file) => file.replace(/\.sql$/, ''))
    .sort()
}
