import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import {
  createTemporaryFolder,
  type PostgresBinaries,
  projectRoot,
  startPostgres,
  startRedis,
  until,
} from '@vss-pipeline/local-stack'
import { Redis } from 'ioredis'
import pg from 'pg'
import { debianFolder, findDebianPostgres } from '../support/servers/postgres.ts'
import { UsageError } from './usage-error.ts'

const run = promisify(execFile)

/** A Postgres and a Redis of the benchmark's own, durable as in production: fsync on, `appendfsync always`. */
export interface BenchServers extends BenchDatabase {
  redisUrl: string
  redis: Redis
  /** The servers' versions: `PostgreSQL 18.4`, `Redis 8.0.2`. */
  versions: string[]
  /** Process ids of the servers. A Redis Cluster has several. */
  pids: { readonly Postgres: number; readonly Redis: readonly number[] }
  /** Empties the tables and the queues, and lets both servers write their delayed data to disk. */
  reset(): Promise<void>
  /** Makes another database on the same server, with the schema of the checkout in `root`. */
  createDatabase(name: string, root: string): Promise<BenchDatabase>
  stop(): Promise<void>
}

export interface BenchDatabase {
  databaseUrl: string
  /** A connection for the benchmark's own queries. */
  db: pg.Client
  /** The server's process for that connection. */
  observerPid: number
}

/**
 * Starts the servers of the benchmark.
 *
 * @param options.postgres the major version of a Postgres of Debian's; undefined is the Postgres that npm installed
 */
export async function startBenchServers(options: {
  postgres: string | undefined
  log: (line: string) => void
}): Promise<BenchServers> {
  const binaries = options.postgres === undefined ? undefined : debianBinaries(options.postgres)
  const folder = await createTemporaryFolder()
  const redisServer = await startRedis({ dataDir: join(folder.path, 'redis'), port: 0, log: options.log })
  const postgresServer = await startPostgres({
    dataDir: join(folder.path, 'postgres'),
    port: 0,
    binaries,
    // Commit times tell when each row became visible, so that nobody need poll for it.
    parameters: { track_commit_timestamp: 'on' },
  })
  await migrate(postgresServer.url, projectRoot)

  const database = await openDatabase(postgresServer.url)
  const { db } = database
  const redis = new Redis(redisServer.url)
  // A rewrite during a measurement would disturb it. reset() rewrites the file between contestants instead.
  await redis.config('SET', 'auto-aof-rewrite-percentage', '0')
  const others: pg.Client[] = []
  return {
    ...database,
    redisUrl: redisServer.url,
    redis,
    versions: [await postgresVersion(db), await redisVersion(redis)],
    pids: { Redis: [redisServer.pid], Postgres: postgresServer.pid },
    async reset() {
      await redis.flushall()
      await rewriteAppendOnlyFile(redis)
      await truncateRows(db)
      // The peers make their schemas again when they start.
      await db.query(`DROP SCHEMA IF EXISTS ${peerSchemas.join(', ')} CASCADE`)
      await db.query('CHECKPOINT')
    },
    async createDatabase(name, root) {
      await db.query(`CREATE DATABASE ${name}`)
      const url = new URL(postgresServer.url)
      url.pathname = `/${name}`
      await migrate(url.href, root)
      const other = await openDatabase(url.href)
      others.push(other.db)
      return other
    },
    async stop() {
      redis.disconnect()
      await Promise.all([db, ...others].map((client) => client.end()))
      await folder.remove()
    },
  }
}

/** Empties the tables of events, and `table`, which may be another. */
export async function truncateRows(db: pg.Client, table = 'vss.sessions'): Promise<void> {
  const { rows } = await db.query<{ tables: string }>(
    // The schema may be that of another commit, before vss.bodies.
    `SELECT string_agg(name, ', ') AS tables FROM unnest($1::text[]) AS name WHERE to_regclass(name) IS NOT NULL`,
    [['vss.sessions', 'vss.call_legs', 'vss.deliveries', 'vss.bodies', table]],
  )
  await db.query(`TRUNCATE ${rows[0]!.tables}`)
}

const peerSchemas = ['pgboss', 'graphile_worker', 'lean']

/** Vacuums the queues of the peers. In production autovacuum does it within a minute; a slice is shorter. */
export async function vacuumQueues(db: pg.Client): Promise<void> {
  const { rows } = await db.query<{ tables: string | null }>(
    `SELECT string_agg(oid::regclass::text, ', ') AS tables FROM pg_class
     WHERE relkind = 'r' AND relnamespace::regnamespace::text = ANY ($1)`,
    [peerSchemas],
  )
  if (rows[0]!.tables !== null) await db.query(`VACUUM (ANALYZE) ${rows[0]!.tables}`)
}

function debianBinaries(major: string): PostgresBinaries {
  const binaries = findDebianPostgres(major)
  if (binaries !== undefined) return binaries
  throw new UsageError(
    `--postgres got ${major}, and there is no ${debianFolder(major)}: install the package postgresql-${major}, or leave --postgres out for the Postgres that npm installed`,
  )
}

/** Migrates with the checkout's own program, so that any commit can be measured. */
async function migrate(databaseUrl: string, root: string): Promise<void> {
  await run(process.execPath, ['packages/storage/src/migrate.ts'], {
    cwd: root,
    env: { ...process.env, DATABASE_URL: databaseUrl },
  })
}

async function openDatabase(databaseUrl: string): Promise<BenchDatabase> {
  const db = new pg.Client({ connectionString: databaseUrl, application_name: 'vss-bench' })
  await db.connect()
  const { rows } = await db.query<{ pid: number }>('SELECT pg_backend_pid() AS pid')
  return { databaseUrl, db, observerPid: rows[0]!.pid }
}

async function rewriteAppendOnlyFile(redis: Redis): Promise<void> {
  await redis.bgrewriteaof()
  await until(
    'A rewrite of the append-only file',
    async () => /aof_rewrite_in_progress:0\r\naof_rewrite_scheduled:0/.test(await redis.info('persistence')),
    { timeoutMs: 30_000 },
  )
}

async function postgresVersion(db: pg.Client): Promise<string> {
  const { rows } = await db.query<{ server_version: string }>('SHOW server_version')
  return `PostgreSQL ${rows[0]!.server_version.split(' ')[0]}`
}

async function redisVersion(redis: Redis): Promise<string> {
  const info = await redis.info('server')
  return `Redis ${/redis_version:(\S+)/.exec(info)?.[1]}`
}
