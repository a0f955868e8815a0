import { kinds, readVariable } from '@vss-pipeline/runtime'
import { onTestFinished } from 'vitest'
import { startPgBouncer } from './pgbouncer.ts'

/** The poolers of the test that runs, by the server and the user that they lead to. */
const poolers = new Map<string, Promise<{ url: string }>>()

/**
 * The URL by which services and commands reach a database: as it is given, or with `TEST_POOLER=pgbouncer` through a
 * PgBouncer in transaction mode, which ends with the test. The tests' own connections go direct.
 */
export async function throughPooler(
  databaseUrl: string,
  env: NodeJS.ProcessEnv = process.env,
): Promise<string> {
  if (readVariable(env, 'TEST_POOLER', kinds.oneOf('none', 'pgbouncer')) !== 'pgbouncer') return databaseUrl
  const { username, host } = new URL(databaseUrl)
  const key = `${username}@${host}`
  let pooler = poolers.get(key)
  if (pooler === undefined) {
    pooler = startPgBouncer(databaseUrl)
    poolers.set(key, pooler)
    onTestFinished(() => void poolers.delete(key))
  }
  const pooled = new URL(databaseUrl)
  pooled.host = new URL((await pooler).url).host
  return pooled.href
}
