import { join } from 'node:path'
import { createTemporaryFolder, startRedis } from '@vss-pipeline/local-stack'
import { Redis } from 'ioredis'
import { afterAll } from 'vitest'
import { type FaultyServer, startFaultyServer } from './faulty-server.ts'

/** A Redis of one test file, whose tests may stop, kill and freeze it, and take its memory. */
export interface OwnRedis extends FaultyServer {
  /** Reads the server's data and changes its settings. It reconnects by itself. */
  client: Redis
}

/** Starts a Redis as durable as the pipeline needs it. Call this at a file's top level: it ends after the file's tests. */
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
