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

/** The project's folder, in which the services are started. */
export const projectRoot = fileURLToPath(new URL('../../..', import.meta.url))

const exitWithParent = new URL('./exit-with-parent.ts', import.meta.url).href

/** By default V8's young generation grows to 128 MiB, which makes these services no faster. */
const leanMemory = '--max-semi-space-size=16'

/** With a cache of compiled modules a start takes half of the time, and less memory. */
const compileCache = join(projectRoot, 'node_modules', '.cache', 'node')

const readyTimeoutMs = 30_000

export type ServiceName = 'ingest' | 'worker' | 'console'

/** The variable of a service's own listener; a worker has none. */
const portVariables: { [name in ServiceName]?: string } = { ingest: 'PORT', console: 'CONSOLE_PORT' }

export interface RunningService {
  name: ServiceName
  pid: number
  /** The URL of the listener of ingest or the console; a worker has only the ops listener. */
  url: string
  /** The URL of the ops listener: `/livez`, `/readyz`, `/metrics`. */
  opsUrl: string
  /** Resolves when the process has ended for any reason, with a text like "exited with code 1". */
  ended: Promise<string>
  /** Stops the service by SIGTERM, after which it drains. Harmless when repeated. */
  stop(): Promise<void>
}

export interface ServiceOptions {
  /** The checkout to start the service from. By default this one. */
  root?: string
  databaseUrl: string
  redisUrl: string
  /** The service's whole environment, with its other settings. */
  env: NodeJS.ProcessEnv
  /** The preferred port of the ops listener. When it is taken, and by default, any free one. */
  opsPort?: number
  /** A claimed data folder for the process' record, by which the start after a crash finds the process. */
  folder?: string
  /** Gets the service's output, line by line. */
  onLine?: (service: ServiceName, line: string) => void
  signal?: AbortSignal | undefined
}

/**
 * Starts one service as a process of its own, and waits until its `/readyz` answers 200. The service ends when this
 * process ends in any way.
 *
 * @param options.env `PORT` is ingest's port, and `CONSOLE_PORT` the console's: any free one when it is 0 or missing.
 * @throws LocalStackError with the service's last line of output when it ends instead.
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
    // The service ends itself by SHUTDOWN_TIMEOUT_MS. The 5 s more are for one that hangs.
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
 * Settles the environment of a service and the URLs where it will listen. The ports are picked here and not read from
 * the service's log, because LOG_LEVEL may silence the log.
 */
async function settle(
  name: ServiceName,
  options: ServiceOptions,
): Promise<{ env: NodeJS.ProcessEnv; url: string; opsUrl: string }> {
  const {
    // The variables that are set below must not come a second time as files: the service would refuse both.
    DATABASE_URL_FILE: _databaseUrlFile,
    REDIS_URL_FILE: _redisUrlFile,
    PORT_FILE: _portFile,
    CONSOLE_PORT_FILE: _consolePortFile,
    OPS_PORT_FILE: _opsPortFile,
    ...env
  } = options.env
  const opsPort = await choosePort(options.opsPort ?? 0)
  const portVariable = portVariables[name]
  const port = portVariable === undefined ? opsPort : Number(env[portVariable]) || (await choosePort(0))
  const origin = (host: string, port: number) => `http://${addressOf(host)}:${port}`
  return {
    env: {
      ...env,
      NODE_OPTIONS: `${leanMemory} ${env.NODE_OPTIONS ?? ''}`,
      NODE_COMPILE_CACHE: env.NODE_COMPILE_CACHE ?? compileCache,
      DATABASE_URL: options.databaseUrl,
      REDIS_URL: options.redisUrl,
      ...(portVariable !== undefined && { [portVariable]: String(port) }),
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

/** The address by which this machine reaches a listener on `host`. */
function addressOf(host: string): string {
  if (host === '0.0.0.0' || host === '::') return '127.0.0.1'
  return host.includes(':') ? `[${host}]` : host
}
