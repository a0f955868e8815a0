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

/** SIGINT: "fast", sessions are cut and rolled back. SIGQUIT: "immediate", the next start recovers from the WAL. */
const stopping = { stopSignals: ['SIGINT', 'SIGQUIT', 'SIGKILL'] as NodeJS.Signals[], graceMs: 30_000 }
const user = 'vss'
const database = 'postgres'

export interface PostgresOptions {
  /** Holds the cluster, its settings and its process record; the log goes beside it, to `${dataDir}.log`. */
  dataDir: string
  /** The port to take when the folder remembers none; 0, or a port that is taken: any free one. Default 54320. */
  port?: number | undefined
  /** The programs to run; those that npm installed by default. */
  binaries?: PostgresBinaries | undefined
  signal?: AbortSignal | undefined
}

/**
 * Starts a Postgres on 127.0.0.1, making its cluster in `dataDir` first if there is none. Stops the server that
 * an earlier, killed start left running there; what was committed is kept.
 *
 * @returns once it takes connections: `url` has the user (a superuser) and the generated password.
 * @throws LocalStackError with Postgres' own words when it does not start.
 */
export async function startPostgres(options: PostgresOptions): Promise<RunningServer> {
  const { port = 54_320, signal } = options
  // Absolute, because the cluster's path in a command line is how a server is recognised as this folder's.
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
    command: (port) => [...account.prefix, binaries.postgres, '-D', cluster, ...serverArguments(port)],
    spawn: { ...account.ids, env: cleanEnvironment() },
    isReady: ({ pid }) => isReady(cluster, pid),
    // Where its orphans could not be found, they end by themselves when they notice.
    isPassing: (log) => log.includes('pre-existing shared memory block'),
    url: (port) => `postgres://${user}:${settings.password}@127.0.0.1:${port}/${database}`,
  })
}

function serverArguments(port: number): string[] {
  const parameters = {
    listen_addresses: '127.0.0.1',
    port,
    // A socket's path is limited to 107 characters, which folders can exceed; TCP serves everyone here.
    unix_socket_directories: '',
    max_connections: 200,
    cluster_name: 'vss-pipeline',
    timezone: 'UTC',
    log_timezone: 'UTC',
  }
  return Object.entries(parameters).flatMap(([name, value]) => ['-c', `${name}=${value}`])
}

/** Makes the cluster under a passing name: one that was interrupted is never taken for a whole one. */
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

/** Postgres' last line of postmaster.pid tells when it takes connections; pg_ctl waits for the same. */
function isReady(cluster: string, pid: number): boolean {
  const lines = readPidFile(cluster)
  return Number(lines[0]) === pid && lines[7]?.trim() === 'ready'
}

/**
 * Clears the way for a start. A stale postmaster.pid goes: Postgres takes any process that got the old one's
 * number for the old postmaster, a zombie included, and would not start. A server that does run here, started by
 * other hands or killed before its record was written, is stopped; so are the children of one that was killed,
 * which hold its shared memory until they finish what they are at.
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

/** Our environment without what would change Postgres' own settings, and with messages in English. */
function cleanEnvironment(): NodeJS.ProcessEnv {
  const kept = Object.entries(process.env).filter(
    ([name]) => !name.startsWith('PG') && !name.startsWith('LC_'),
  )
  return { ...Object.fromEntries(kept), LC_ALL: 'C', TZ: 'UTC' }
}
