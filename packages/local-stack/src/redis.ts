import { mkdirSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { recordFile } from './data-folder.ts'
import { launchServer, type RunningServer } from './launch-server.ts'
import { findProcesses } from './orphans.ts'
import { recordOf, stopProcess, stopRecorded } from './process-record.ts'
import { pingRedis } from './redis-ping.ts'
import { findOrInstallRedisServer } from './redis-server.ts'
import { readSettings } from './server-settings.ts'

const stopping = { stopSignals: ['SIGTERM', 'SIGKILL'] as NodeJS.Signals[], graceMs: 15_000 }

export interface RedisOptions {
  /** The folder of the data, the settings and the process record. The log is `${dataDir}.log`. */
  dataDir: string
  /** The port of the first start, 63790 by default; later starts keep it. 0, or a taken port, is any free one. */
  port?: number | undefined
  /** The program to run. By default it is looked for, and installed where apt may install it. */
  program?: string | undefined
  log?: (line: string) => void
  signal?: AbortSignal | undefined
}

/**
 * Starts a durable Redis on 127.0.0.1: each write is on disk before its reply, and no key is evicted. Stops the server
 * that an earlier, killed start left running in `dataDir`.
 *
 * @returns the server when it answers. Its `url` has the generated password.
 * @throws LocalStackError with a line of Redis' log when it does not start.
 */
export async function startRedis(options: RedisOptions): Promise<RunningServer> {
  const { port = 63_790, signal, log = () => undefined } = options
  const dataDir = resolve(options.dataDir)
  const program = options.program ?? (await findOrInstallRedisServer({ mayInstall: true, log }))
  const files = join(dataDir, 'data')
  mkdirSync(dataDir, { recursive: true, mode: 0o700 })
  mkdirSync(files, { recursive: true })
  await stopRecorded(recordFile(dataDir))
  for (const orphan of findProcesses(program, files)) await stopProcess(recordOf(orphan, stopping))

  const settings = readSettings(dataDir, port)
  const configFile = join(dataDir, 'redis.conf')
  const url = (port: number) => `redis://:${settings.password}@127.0.0.1:${port}`

  return launchServer({
    name: 'Redis',
    dataDir,
    settings,
    stopping,
    signal,
    command: (port) => {
      // The settings are in a file, because every user can see a password in the arguments.
      writeFileSync(configFile, configuration({ ...settings, port }), { mode: 0o600 })
      return [program, configFile]
    },
    spawn: { cwd: files },
    isReady: ({ port }) => answers(url(port)),
    isPassing: () => false,
    url,
  })
}

function configuration({ port, password }: { port: number; password: string }): string {
  return `# Written at every start.
bind 127.0.0.1
port ${port}
requirepass ${password}
daemonize no
appendonly yes
appendfsync always
save ""
maxmemory-policy noeviction
`
}

async function answers(url: string): Promise<boolean> {
  try {
    await pingRedis(url)
    return true
  } catch {
    return false
  }
}
