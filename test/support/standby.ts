import { execFile } from 'node:child_process'
import { writeFile } from 'node:fs/promises'
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
  kill(): Promise<void>
}

/** Starts a Postgres with so many standbys that follow it by streaming. All stop when the test has finished. */
export async function startPrimaryWithStandbys(count: number): Promise<Primary> {
  const folder = await createTemporaryFolder()
  onTestFinished(() => folder.remove())
  const dataDir = (name: string) => join(folder.path, name)
  const settled = await startTestPostgres(dataDir('primary'))
  await migrate({ databaseUrl: settled.url })
  // A copy of a stopped server is a base backup, and needs no program that the embedded Postgres lacks.
  await settled.stop()
  const names = Array.from({ length: count }, (_, number) => `standby${number}`)
  for (const name of names) await copyAsStandby(dataDir('primary'), dataDir(name))
  const primary = await startStopping(dataDir('primary'))
  const standbys: Standby[] = []
  for (const name of names) standbys.push(await startStandby(dataDir(name), primary.url))
  return { url: primary.url, standbys, kill: () => killProcess(primary) }
}

async function copyAsStandby(from: string, to: string): Promise<void> {
  await run('cp', ['-a', from, to])
  await writeFile(join(to, 'data', 'standby.signal'), '')
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
