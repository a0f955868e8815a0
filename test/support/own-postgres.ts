import { join } from 'node:path'
import { createTemporaryFolder } from '@vss-pipeline/local-stack'
import { afterAll } from 'vitest'
import { type FaultyServer, startFaultyServer } from './faulty-server.ts'
import { startTestPostgres } from './servers/postgres.ts'

/** A Postgres of one test file, whose tests may stop, kill and freeze it. */
export interface OwnPostgres extends FaultyServer {
  /** The folder of its cluster. */
  dataDir: string
}

/**
 * Starts a Postgres. Only its file's tests use it, so that no other transaction holds its change feed back. Call this at
 * a file's top level: it ends after the file's tests.
 */
export async function startOwnPostgres(): Promise<OwnPostgres> {
  const folder = await createTemporaryFolder()
  const server = await startFaultyServer(() => startTestPostgres(join(folder.path, 'postgres')))
  afterAll(async () => {
    await server.stop()
    await folder.remove()
  })
  return Object.assign(server, { dataDir: join(folder.path, 'postgres', 'data') })
}
