import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { choosePort, startService } from '@vss-pipeline/local-stack'

/** A service that is measured, as a process of its own. */
export interface Program {
  pid: number
  /** The URL for deliveries; a worker has none behind it. */
  webhookUrl: string
  /** The URL of its metrics; peers have none. */
  opsUrl?: string
  stop(): Promise<void>
}

export interface ServerUrls {
  databaseUrl: string
  redisUrl: string
}

const exitWithParent = new URL('../../packages/local-stack/src/exit-with-parent.ts', import.meta.url).href

/**
 * Starts this pipeline's ingest or worker with its default settings.
 *
 * @param options.root the checkout to start it from, by default this one
 * @param options.settings environment variables that differ from the defaults
 */
export async function startOurs(
  name: 'ingest' | 'worker',
  { databaseUrl, redisUrl }: ServerUrls,
  options: { root?: string; settings?: NodeJS.ProcessEnv } = {},
): Promise<Program> {
  const { root, settings } = options
  const service = await startService(name, {
    ...(root !== undefined && { root }),
    databaseUrl,
    redisUrl,
    env: { ...process.env, LOG_LEVEL: 'error', ...settings },
    onLine: (_, line) => process.stderr.write(`${name}: ${line}\n`),
  })
  return { ...service, webhookUrl: `${service.url}/webhooks/vss` }
}

/** Starts a program of `peers/`, and waits until it prints `ready`. */
export async function startPeer(
  path: string,
  servers: ServerUrls,
  settings: NodeJS.ProcessEnv = {},
): Promise<Program> {
  const port = await choosePort(0)
  const child = spawn(process.execPath, ['--import', exitWithParent, path], {
    env: {
      ...process.env,
      DATABASE_URL: servers.databaseUrl,
      REDIS_URL: servers.redisUrl,
      PORT: String(port),
      ...settings,
    },
    stdio: ['ignore', 'pipe', 'inherit', 'ipc'],
  })
  await saysReady(child, path)
  return {
    pid: child.pid!,
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
