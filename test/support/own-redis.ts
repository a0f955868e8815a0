import { join } from 'node:path'
import { createTemporaryFolder, startRedis } from '@vss-pipeline/local-stack'
import { Redis } from 'ioredis'
import { afterAll } from 'vitest'
import { type FaultyServer, startFaultyServer } from './faulty-server.ts'

/** A Redis of one test file's own, that it may stop, kill, freeze and starve. */
export interface OwnRedis extends FaultyServer {
  /** For looking at its data and changing its settings; reconnects by itself. */
  client: Redis
}

/** Starts one, durable as the pipeline wants it; called at a file's top level, it goes with the file's tests. */
export async function startOwnRedis(): Promise<OwnRedis> {
  const folder = await createTemporaryFolder()
  const server = await startFaultyServer(() => startRedis({ dataDir: join(folder.path, 'redis'), port: 0 }))
  const client = new Redis(server.url, { maxRetriesPerRequest: null, retryStrategy: () => 50 })
  client.on('error', () => undefined)
  afterAll(async () => {
    client.disconnect()
    await folder.remove()
  })
  return Object.assign(server, { client })
}
