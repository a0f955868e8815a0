import { readFile } from 'node:fs/promises'
import { privileges, type Role } from '../../packages/storage/src/privileges.ts'
import { rowsOf } from './databases.ts'

/** The roles that docs/deploying.md describes, but for the migrator. */
export const roles = Object.keys(privileges) as Role[]

export const rolesFile = new URL('../../deploy/postgres/roles.sql', import.meta.url)

/** Makes the roles as docs/deploying.md says, each with its own name as its password. */
export async function createRoles(databaseUrl: string): Promise<void> {
  await rowsOf(databaseUrl, await readFile(rolesFile, 'utf8'))
  for (const role of ['vss_migrator', ...roles]) {
    await rowsOf(databaseUrl, `ALTER ROLE ${role} PASSWORD '${role}'`)
  }
}

/** The database's URL for a role that `createRoles` has made. */
export function as(role: Role | 'vss_migrator', databaseUrl: string): string {
  return withUser(databaseUrl, { user: role, password: role })
}

export function withUser(
  databaseUrl: string,
  { user, password }: { user: string; password: string },
): string {
  const url = new URL(databaseUrl)
  url.username = user
  url.password = password
  return url.href
}
