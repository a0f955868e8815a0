import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { readSetting } from '@vss-pipeline/runtime'
import { recordFile } from './data-folder.ts'
import { LocalStackError } from './errors.ts'
import { messageOf } from './log-lines.ts'
import { startProcess } from './managed-process.ts'
import { choosePort } from './ports.ts'
import { until } from './waiting.ts'

/** The folder that holds the services, and that they are started in. */
export const projectRoot = fileURLToPath(new URL('../../..', import.meta.url))

const exitWithParent = new URL('./exit-with-parent.ts', import.meta.url).href

/** V8 lets its young generation grow to 128 MiB by itself, which buys these services no speed. */
const leanMemory = '--max-semi-space-size=16'

/** Modules that were compiled before need not be again: a start takes half of the time, and less memory. */
const compileCache = join(projectRoot, 'node_modules', '.cache', 'node')

const readyTimeoutMs = 30_000

export type ServiceName = 'ingest' | 'worker'

export interface RunningService {
  name: ServiceName
  pid: number
  /** Where it takes requests: ingest's own listener; a worker has none but the ops listener. */
  url: string
  /** The ops listener: `/livez`, `/readyz`, `/metrics`. */
  opsUrl: string
  /** Resolves when the process has ended, by our hand or not, with how. */
  ended: Promise<string>
  /** Drains and stops it, as SIGTERM does. Harmless when repeated. */
  stop(): Promise<void>
}

export interface ServiceOptions {
  /** The checkout to start it from: this one by default. */
  root?: string
  databaseUrl: string
  redisUrl: string
  /** The service's other settings, and all of its environment. */
  env: NodeJS.ProcessEnv
  /** Of the ops listener; any free one by default, and where this one is taken. */
  opsPort?: number
  /** A claimed data folder in which the process is written down for the start after a crash. */
  folder?: string
  /** Takes the service's output, line by line. */
  onLine?: (service: ServiceName, line: string) => void
  signal?: AbortSignal | undefined
}

/**
 * Starts one service as a process of its own, and waits until its `/readyz` says yes. It ends with this process,
 * however that ends.
 *
 * @param options.env `PORT` is ingest's port: any free one where it is 0 or missing.
 * @throws LocalStackError with the service's last words when it ends instead.
 * @throws ConfigError for a setting that decides where and how long it runs.
 */
export async function startService(name: ServiceName, options: ServiceOptions): Promise<RunningService> {
  const { root = projectRoot, folder, onLine, signal } = options
  const { env, url, opsUrl } = await settle(name, options)
  if (folder) mkdirSync(join(folder, name), { recursive: true, mode: 0o700 })
  const service = startProcess({
    command: process.execPath,
    args: ['--import', exitWithParent, `services/${name}/src/main.ts`],
    recordFile: folder && recordFile(join(folder, name)),
    stopSignals: ['SIGTERM', 'SIGKILL'],
    // It keeps a deadline of its own; ours is for one that has lost its senses.
    graceMs: readSetting(env, name, 'SHUTDOWN_TIMEOUT_MS') + 5_000,
    spawn: { cwd: root, env, stdio: ['ignore', 'pipe', 'pipe', 'ipc'] },
  })

  let lastLine = ''
  for (const output of [service.child.stdout, service.child.stderr]) {
    createInterface({ input: output! }).on('line', (line) => {
      lastLine = line
      onLine?.(name, line)
    })
  }

  try {
    await until(`The start of ${name}`, async () => service.end !== undefined || (await isReady(opsUrl)), {
      timeoutMs: readyTimeoutMs,
      signal,
    })
  } catch (error) {
    await service.stop()
    throw error
  }
  if (service.end !== undefined) throw new LocalStackError(`${name} ${service.end}: ${messageOf(lastLine)}`)
  return { name, pid: service.child.pid!, url, opsUrl, ended: service.ended, stop: service.stop }
}

/**
 * The environment to start a service with, and where it will listen. The ports are picked here rather than read
 * from the service's log, which LOG_LEVEL may silence.
 */
async function settle(
  name: ServiceName,
  options: ServiceOptions,
): Promise<{ env: NodeJS.ProcessEnv; url: string; opsUrl: string }> {
  const {
    // What is set below, given as a file too, would be set twice.
    DATABASE_URL_FILE: _databaseUrlFile,
    REDIS_URL_FILE: _redisUrlFile,
    PORT_FILE: _portFile,
    OPS_PORT_FILE: _opsPortFile,
    ...env
  } = options.env
  const opsPort = await choosePort(options.opsPort ?? 0)
  const port = name === 'ingest' ? Number(env.PORT) || (await choosePort(0)) : opsPort
  const origin = (host: string, port: number) => `http://${addressOf(host)}:${port}`
  return {
    env: {
      ...env,
      NODE_OPTIONS: `${leanMemory} ${env.NODE_OPTIONS ?? ''}`,
      NODE_COMPILE_CACHE: env.NODE_COMPILE_CACHE ?? compileCache,
      DATABASE_URL: options.databaseUrl,
      REDIS_URL: options.redisUrl,
      PORT: String(port),
      OPS_PORT: String(opsPort),
    },
    url: origin(readSetting(env, name, 'HOST'), port),
    opsUrl: origin(readSetting(env, name, 'OPS_HOST'), opsPort),
  }
}

async function isReady(opsUrl: string): Promise<boolean> {
  try {
    const response = await fetch(`${opsUrl}/readyz`, { signal: AbortSignal.timeout(2_000) })
    return response.ok
  } catch {
    return false
  }
}

/** Where a listener on `host` is reached from here. */
function addressOf(host: string): string {
  if (host === '0.0.0.0' || host === '::') return '127.0.0.1'
  return host.includes(':') ? `[${host}]` : host
}
