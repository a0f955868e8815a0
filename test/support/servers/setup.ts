import { kinds, readVariable, settings } from '@vss-pipeline/runtime'
import type { TestProject } from 'vitest/node'
import { isDockerThere, startContainers } from './containers.ts'
import { startLocalServers } from './local.ts'

declare module 'vitest' {
  interface ProvidedContext {
    /** A Postgres in which the tests may create databases. */
    databaseUrl: string
    /** A Redis that is shared by all test files: each uses a key prefix of its own. */
    redisUrl: string
  }
}

export interface TestServers {
  databaseUrl: string
  redisUrl: string
  /** Stops what was started for the tests, and removes it. */
  stop(): Promise<void>
}

/** What the environment gives; the rest is to be started. */
export type GivenServers = Partial<Pick<TestServers, 'databaseUrl' | 'redisUrl'>>

/**
 * Provides Postgres and Redis to all tests: `TEST_DATABASE_URL` and `TEST_REDIS_URL` where set, else containers
 * when a Docker engine answers and has the images, else servers of this machine; `TEST_SERVERS=containers|local`
 * decides instead. `TEST_POSTGRES=15` has those that are started be a Postgres of that version: Debian's, where servers
 * of this machine are started.
 */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
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
    // Asked for, they are what is to be tested; otherwise an engine that cannot fetch images is as good as none.
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
