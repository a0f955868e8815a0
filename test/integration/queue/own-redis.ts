import { join } from 'node:path'
import { createTemporaryFolder, type RunningServer, startRedis } from '@vss-pipeline/local-stack'
import { Redis } from 'ioredis'
import { afterAll } from 'vitest'

/** A Redis of one test file's own, that it may stop, kill, freeze and starve. */
export interface OwnRedis {
  /** The same after every start. */
  url: string
  /** For looking at its data and changing its settings; reconnects by itself. */
  client: Redis
  /** Harmless while it runs. */
  start(): Promise<void>
  stop(): Promise<void>
  /** As a power cut would: with SIGKILL. */
  kill(): Promise<void>
  /** It keeps its connections and answers nothing, until `thaw`. */
  freeze(): void
  thaw(): void
}

/** Starts one, durable as the pipeline wants it; called at a file's top level, it goes with the file's tests. */
export async function startOwnRedis(): Promise<OwnRedis> {
  const folder = await createTemporaryFolder()
  const launch = () => startRedis({ dataDir: join(folder.path, 'redis'), port: 0 })
  let server: RunningServer = await launch()
  let isRunning = true
  const client = new Redis(server.url, { maxRetriesPerRequest: null, retryStrategy: () => 50 })
  client.on('error', () => undefined)
  function signal(name: NodeJS.Signals): void {
    process.kill(server.pid, name)
  }
  afterAll(async () => {
    client.disconnect()
    await folder.remove()
  })
  return {
    url: server.url,
    client,
    async start() {
      if (!isRunning) server = await launch()
      isRunning = true
    },
    async stop() {
      await server.stop()
      isRunning = false
    },
    async kill() {
      signal('SIGKILL')
      await server.ended
      isRunning = false
    },
    freeze: () => signal('SIGSTOP'),
    thaw: () => signal('SIGCONT'),
  }
}
