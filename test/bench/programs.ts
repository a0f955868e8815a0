import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { choosePort, startService } from '@vss-pipeline/local-stack'
import type { BenchServers } from './servers.ts'

/** A service under measurement, a process of its own. */
export interface Program {
  /** Where it takes deliveries; a worker takes none. */
  webhookUrl: string
  /** Where it tells its metrics; peers have none. */
  opsUrl?: string
  stop(): Promise<void>
}

const exitWithParent = new URL('../../packages/local-stack/src/exit-with-parent.ts', import.meta.url).href

/** Starts our ingest or worker as it comes. */
export async function startOurs(
  name: 'ingest' | 'worker',
  servers: BenchServers,
  settings: NodeJS.ProcessEnv = {},
): Promise<Program> {
  const service = await startService(name, {
    databaseUrl: servers.databaseUrl,
    redisUrl: servers.redisUrl,
    env: { ...process.env, LOG_LEVEL: 'error', ...settings },
    onLine: (_, line) => process.stderr.write(`${name}: ${line}\n`),
  })
  return { ...service, webhookUrl: `${service.url}/webhooks/vss` }
}

/** Starts a program of `peers/`, and waits until it says `ready`. */
export async function startPeer(path: string, servers: BenchServers): Promise<Program> {
  const port = await choosePort(0)
  const child = spawn(process.execPath, ['--import', exitWithParent, path], {
    env: {
      ...process.env,
      DATABASE_URL: servers.databaseUrl,
      REDIS_URL: servers.redisUrl,
      PORT: String(port),
    },
    stdio: ['ignore', 'pipe', 'inherit', 'ipc'],
  })
  await saysReady(child, path)
  return {
    webhookUrl: `http://127.0.0.1:${port}/webhooks/vss`,
    async stop() {
      const ended = once(child, 'exit')
      child.kill('SIGTERM')
      await ended
    },
  }
}

async function saysReady(child: ChildProcess, path: string): Promise<void> {
  for await (const line of createInterface({ input: child.stdout! })) if (line === 'ready') return
  throw new Error(`${path} ended before it was ready`)
}
