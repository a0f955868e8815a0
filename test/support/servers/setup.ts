import { kinds, readVariable, settings } from '@vss-pipeline/runtime'
import type { TestProject } from 'vitest/node'
import { requirePrograms } from '../required-programs.ts'
import { isDockerThere, startContainers } from './containers.ts'
import { startLocalServers } from './local.ts'

declare module 'vitest' {
  interface ProvidedContext {
    /** A Postgres in which the tests may create databases. */
    databaseUrl: string
    /** A Redis that all test files share. Each uses a key prefix of its own. */
    redisUrl: string
    /** Whether retention lets go of old rows while something fails. */
    withRetention?: boolean
  }
}

export interface TestServers {
  databaseUrl: string
  redisUrl: string
  /** Stops what was started for the tests, and removes it. */
  stop(): Promise<void>
}

/** The servers that the environment names. The others must be started. */
export type GivenServers = Partial<Pick<TestServers, 'databaseUrl' | 'redisUrl'>>

/**
 * Provides Postgres and Redis to all tests. `TEST_DATABASE_URL` and `TEST_REDIS_URL` are used where they are set.
 * Otherwise containers are started if a Docker engine answers and has the images, else servers on this machine.
 * `TEST_SERVERS=containers` or `TEST_SERVERS=local` decides between these two. `TEST_POSTGRES=15` starts a Postgres of
 * that version; on this machine it is Debian's. With `TEST_PROGRAMS=required` every program must be there that tests can
 * be skipped without.
 */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  requirePrograms(process.env)
  const databaseUrl = readVariable(process.env, 'TEST_DATABASE_URL', settings.DATABASE_URL.kind)
  const redisUrl = readVariable(process.env, 'TEST_REDIS_URL', settings.REDIS_URL.kind)
  const kind = readVariable(process.env, 'TEST_SERVERS', kinds.oneOf('containers', 'local'))

  const servers = await start({ ...(databaseUrl && { databaseUrl }), ...(redisUrl && { redisUrl }) }, kind)
  project.provide('databaseUrl', servers.databaseUrl)
  project.provide('redisUrl', servers.redisUrl)
  return servers.stop
}

async function start(given: GivenServers, kind: string | undefined): Promise<TestServers> {
  const { databaseUrl, redisUrl } = given
  if (databaseUrl && redisUrl) return { databaseUrl, redisUrl, stop: async () => undefined }
  if (kind === 'local' || (kind === undefined && !(await isDockerThere()))) return await startLocal(given)
  say('containers')
  try {
    return await startContainers(given)
  } catch (error) {
    // With TEST_SERVERS=containers nothing else will do. Otherwise an engine without images counts as no engine.
    if (kind === 'containers') throw error
    console.log(`${(error as Error).message}: ${reasonOf(error as Error)}`)
    return await startLocal(given)
  }
}

async function startLocal(given: GivenServers): Promise<TestServers> {
  say('local')
  return await startLocalServers(given)
}

function say(kind: 'containers' | 'local'): void {
  console.log(`Test servers: ${kind} (TEST_SERVERS=containers|local decides)`)
}

function reasonOf({ cause }: Error & { cause?: unknown }): string {
  return cause instanceof Error ? cause.message : String(cause)
}
