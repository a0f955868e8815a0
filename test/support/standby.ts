import { execFile } from 'node:child_process'
import { chmod, mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { createTemporaryFolder, type RunningServer, until } from '@vss-pipeline/local-stack'
import { migrate } from '@vss-pipeline/storage/migrate'
import { onTestFinished } from 'vitest'
import { rowsOf } from './databases.ts'
import { killProcess } from './faulty-server.ts'
import { startTestPostgres } from './servers/postgres.ts'
import { openTcpProxy } from './tcp-proxy.ts'

const run = promisify(execFile)

export interface Standby {
  url: string
  /** Resolves when the standby has everything that its source has written so far. */
  catchUp(): Promise<void>
  /** Has everything that its source sends arrive so much later. */
  delay(ms: number): void
  /** Cuts the standby off from its source, which goes on alone. */
  isolate(): void
  /** Has the standby follow another server. */
  follow(sourceUrl: string): void
  /** Makes it a primary of its own, on the next timeline. */
  promote(): Promise<void>
}

export interface Primary {
  /** A migrated database. */
  url: string
  standbys: Standby[]
  /** Has every commit wait until a standby has it on its disk. */
  replicateSynchronously(): Promise<void>
  kill(): Promise<void>
}

/** Starts a Postgres with so many standbys that follow it by streaming. All stop when the test has finished. */
export async function startPrimaryWithStandbys(count: number): Promise<Primary> {
  const dataDir = await prepareMigrated()
  const names = Array.from({ length: count }, (_, number) => `standby${number}`)
  for (const name of names) await copyServer(dataDir('primary'), dataDir(name), 'standby.signal')
  const primary = await startStopping(dataDir('primary'))
  const standbys: Standby[] = []
  for (const name of names) standbys.push(await startStandby(dataDir(name), primary.url))
  return {
    url: primary.url,
    standbys,
    async replicateSynchronously() {
      await rowsOf(primary.url, `ALTER SYSTEM SET synchronous_standby_names = '*'`)
      await rowsOf(primary.url, 'SELECT pg_reload_conf()')
      const isSynchronous = `SELECT FROM pg_stat_replication WHERE sync_state = 'sync'`
      await until(
        'A synchronous standby',
        async () => (await rowsOf(primary.url, isSynchronous)).length > 0,
        { timeoutMs: 20_000 },
      )
    },
    kill: () => killProcess(primary),
  }
}

/** One URL with the hosts of all: their user and their database are the same. */
export function hostsUrl(urls: readonly string[], attributes: string): string {
  const hosts = urls.map((url) => new URL(url).host)
  return `${urls[0]!.replace(/@[^/]*/, `@${hosts.join(',')}`)}?target_session_attrs=${attributes}`
}

/** A server with a backup of its beginning, and an archive of its write-ahead log since. */
export interface ArchivedServer {
  /** A migrated database. */
  url: string
  /** Stops the server, and starts another one that has everything up to this place of the log. @returns its URL. */
  recoverTo(lsn: string): Promise<string>
}

/** Starts a Postgres that can be recovered to a point in time. It stops when the test has finished. */
export async function startArchivedServer(): Promise<ArchivedServer> {
  const dataDir = await prepareMigrated()
  await copyServer(dataDir('primary'), dataDir('recovered'), 'recovery.signal')
  const archive = dataDir('archive')
  await mkdir(archive)
  // The server may run as another user.
  await chmod(archive, 0o777)
  const server = await startStopping(dataDir('primary'), {
    archive_mode: 'on',
    archive_command: `cp %p ${archive}/%f`,
  })
  return {
    url: server.url,
    async recoverTo(lsn) {
      await rowsOf(server.url, 'SELECT pg_switch_wal()')
      // It archives what is left before it stops.
      await server.stop()
      const { url } = await startStopping(dataDir('recovered'), {
        restore_command: `cp ${archive}/%f %p`,
        recovery_target_lsn: lsn,
        recovery_target_action: 'promote',
      })
      const isThere = 'SELECT NOT pg_is_in_recovery() AS yes'
      await until(
        'The end of the recovery',
        async () => (await rowsOf<{ yes: boolean }>(url, isThere))[0]?.yes,
        {
          timeoutMs: 20_000,
        },
      )
      return url
    },
  }
}

/** Makes a migrated server in folder `primary` and stops it. @returns the path of a folder by its name. */
async function prepareMigrated(): Promise<(name: string) => string> {
  const folder = await createTemporaryFolder()
  onTestFinished(() => folder.remove())
  const server = await startTestPostgres(join(folder.path, 'primary'))
  await migrate({ databaseUrl: server.url })
  await server.stop()
  return (name) => join(folder.path, name)
}

/** A copy of a stopped server is a base backup, and needs no program that the embedded Postgres lacks. */
async function copyServer(from: string, to: string, signalFile: string): Promise<void> {
  await run('cp', ['-a', from, to])
  await writeFile(join(to, 'data', signalFile), '')
}

async function startStopping(
  dataDir: string,
  parameters: Record<string, string | number> = {},
): Promise<RunningServer> {
  const server = await startTestPostgres(dataDir, parameters)
  onTestFinished(() => server.stop())
  return server
}

async function startStandby(dataDir: string, sourceUrl: string): Promise<Standby> {
  const link = await openTcpProxy(sourceUrl)
  const server = await startStopping(dataDir, {
    primary_conninfo: link.url,
    wal_retrieve_retry_interval: 100,
  })
  let source = sourceUrl
  return {
    url: server.url,
    async catchUp() {
      const [written] = await rowsOf<{ lsn: string }>(source, 'SELECT pg_current_wal_lsn()::text AS lsn')
      const hasReplayed = `SELECT pg_last_wal_replay_lsn() >= '${written!.lsn}'::pg_lsn AS yes`
      await until(
        'The replay',
        async () => (await rowsOf<{ yes: boolean }>(server.url, hasReplayed))[0]?.yes,
        {
          timeoutMs: 20_000,
        },
      )
    },
    delay: (ms) => link.delay(ms),
    isolate: () => link.reset({ refuse: true }),
    follow(sourceUrl) {
      source = sourceUrl
      link.retarget(sourceUrl)
      link.heal()
    },
    async promote() {
      await rowsOf(server.url, 'SELECT pg_promote()')
    },
  }
}
