import { execFile } from 'node:child_process'
import { chownSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { promisify } from 'node:util'
import { type Account, findAccount } from './account.ts'
import { recordFile } from './data-folder.ts'
import { launchServer, type RunningServer } from './launch-server.ts'
import { findProcesses } from './orphans.ts'
import { findPostgresBinaries, type PostgresBinaries } from './postgres-binaries.ts'
import { commandLineOf, recordOf, stopProcess, stopRecorded } from './process-record.ts'
import { readSettings, type ServerSettings } from './server-settings.ts'

const run = promisify(execFile)

/** SIGINT cuts sessions and rolls them back. SIGQUIT ends at once, and the next start recovers from the WAL. */
const stopping = { stopSignals: ['SIGINT', 'SIGQUIT', 'SIGKILL'] as NodeJS.Signals[], graceMs: 30_000 }
const user = 'vss'
const database = 'postgres'

export interface PostgresOptions {
  /** The folder of the cluster, its settings and its process record. The log is `${dataDir}.log`. */
  dataDir: string
  /** The port of the first start, 54320 by default; later starts keep it. 0, or a taken port, is any free one. */
  port?: number | undefined
  /** The programs to run. By default the ones that npm installed. */
  binaries?: PostgresBinaries | undefined
  /** The server's settings beside those that every server here has. */
  parameters?: Record<string, string | number>
  signal?: AbortSignal | undefined
}

/**
 * Starts a Postgres on 127.0.0.1. Makes its cluster in `dataDir` when there is none. Stops the server that an earlier,
 * killed start left running there, and keeps its data.
 *
 * @returns the server when it takes connections. Its `url` has a superuser and the generated password.
 * @throws LocalStackError with a line of Postgres' log when it does not start.
 */
export async function startPostgres(options: PostgresOptions): Promise<RunningServer> {
  const { port = 54_320, parameters = {}, signal } = options
  // The path is absolute, because clearLeftovers() finds a server of this folder by the path in its command line.
  const dataDir = resolve(options.dataDir)
  const cluster = join(dataDir, 'data')
  mkdirSync(dataDir, { recursive: true, mode: 0o700 })
  const binaries = options.binaries ?? (await findPostgresBinaries())
  await stopRecorded(recordFile(dataDir))
  await clearLeftovers(cluster, binaries.postgres)

  const account = await findAccount(dataDir, binaries.initdb)
  const settings = readSettings(dataDir, port)
  if (!existsSync(cluster)) await createCluster(binaries.initdb, account, cluster, settings, signal)

  return launchServer({
    name: 'Postgres',
    dataDir,
    settings,
    stopping,
    signal,
    command: (port) => [
      ...account.prefix,
      ...[binaries.postgres, '-D', cluster],
      ...serverArguments(port, parameters),
    ],
    spawn: { ...account.ids, env: cleanEnvironment() },
    isReady: ({ pid }) => isReady(cluster, pid),
    // The children of a killed Postgres end by themselves soon, where clearLeftovers() cannot find them.
    isPassing: (log) => log.includes('pre-existing shared memory block'),
    url: (port) => `postgres://${user}:${settings.password}@127.0.0.1:${port}/${database}`,
  })
}

function serverArguments(port: number, more: Record<string, string | number>): string[] {
  const parameters = {
    listen_addresses: '127.0.0.1',
    port,
    // A folder's path can be longer than the 107 characters of a socket's path, so there is only TCP.
    unix_socket_directories: '',
    max_connections: 200,
    cluster_name: 'vss-pipeline',
    timezone: 'UTC',
    log_timezone: 'UTC',
    ...more,
  }
  return Object.entries(parameters).flatMap(([name, value]) => ['-c', `${name}=${value}`])
}

/** Makes the cluster under a passing name, so that an unfinished one is never taken for a whole one. */
async function createCluster(
  initdb: string,
  account: Account,
  cluster: string,
  { password }: ServerSettings,
  signal: AbortSignal | undefined,
): Promise<void> {
  const unfinished = `${cluster}.new`
  const passwordFile = `${cluster}.password`
  rmSync(unfinished, { recursive: true, force: true })
  writeFileSync(passwordFile, password, { mode: 0o600 })
  if (account.ids.uid !== undefined) chownSync(passwordFile, account.ids.uid, account.ids.uid)
  const [command, ...args] = [
    ...account.prefix,
    initdb,
    ...['--pgdata', unfinished, '--username', user, '--pwfile', passwordFile],
    ...['--auth=scram-sha-256', '--encoding=UTF8', '--locale=C'],
  ]
  try {
    await run(command!, args, { ...account.ids, env: cleanEnvironment(), ...(signal && { signal }) })
  } catch (error) {
    signal?.throwIfAborted()
    const { stderr = '', message } = error as { stderr?: string; message: string }
    throw new Error(`initdb could not make a Postgres cluster: ${stderr.trim() || message}`, { cause: error })
  } finally {
    rmSync(passwordFile, { force: true })
  }
  renameSync(unfinished, cluster)
}

/** Whether Postgres takes connections: the last line of postmaster.pid tells, and pg_ctl reads the same line. */
function isReady(cluster: string, pid: number): boolean {
  const lines = readPidFile(cluster)
  return Number(lines[0]) === pid && lines[7]?.trim() === 'ready'
}

/**
 * Clears the way for a start:
 *
 * - It stops a server that runs here without a record: somebody else started it, or its record was not yet written.
 * - It stops the children of a killed server, because they hold its shared memory until they finish their work.
 * - It removes a stale postmaster.pid. Another process, even a zombie, may have got the old server's number. Postgres
 *   would take it for the old server and not start.
 */
async function clearLeftovers(cluster: string, postgres: string): Promise<void> {
  if (!existsSync(cluster)) return
  const pid = Number(readPidFile(cluster)[0])
  if (pid && commandLineOf(pid).includes(cluster)) await stopProcess(recordOf(pid, stopping))
  for (const orphan of findProcesses(postgres, cluster)) {
    await stopProcess(recordOf(orphan, { stopSignals: ['SIGQUIT', 'SIGKILL'], graceMs: 2_000 }))
  }
  rmSync(join(cluster, 'postmaster.pid'), { force: true })
}

function readPidFile(cluster: string): string[] {
  try {
    return readFileSync(join(cluster, 'postmaster.pid'), 'utf8').split('\n')
  } catch {
    return []
  }
}

/** This process's environment without variables that change Postgres' settings, and with messages in English. */
function cleanEnvironment(): NodeJS.ProcessEnv {
  const kept = Object.entries(process.env).filter(
    ([name]) => !name.startsWith('PG') && !name.startsWith('LC_'),
  )
  return { ...Object.fromEntries(kept), LC_ALL: 'C', TZ: 'UTC' }
}
