import { join } from 'node:path'
import { createTemporaryFolder, startPostgres, startRedis } from '@vss-pipeline/local-stack'
import { migrate } from '@vss-pipeline/storage'
import { Redis } from 'ioredis'
import pg from 'pg'

/** A Postgres and a Redis of the benchmark's own, durable as in production: fsync on, `appendfsync always`. */
export interface BenchServers {
  databaseUrl: string
  redisUrl: string
  /** One connection, for looking. */
  db: pg.Client
  redis: Redis
  /** What answers: `PostgreSQL 18.4`, `Redis 8.0.2`. */
  versions: string[]
  /** Empties the tables and the queues, and has Postgres write out what it held back. */
  reset(): Promise<void>
  stop(): Promise<void>
}

export async function startBenchServers(log: (line: string) => void): Promise<BenchServers> {
  const folder = await createTemporaryFolder()
  const redisServer = await startRedis({ dataDir: join(folder.path, 'redis'), port: 0, log })
  const postgresServer = await startPostgresWithCommitTimes(join(folder.path, 'postgres'))
  await migrate({ databaseUrl: postgresServer.url })

  const db = new pg.Client({ connectionString: postgresServer.url, application_name: 'vss-bench' })
  await db.connect()
  const redis = new Redis(redisServer.url)
  return {
    databaseUrl: postgresServer.url,
    redisUrl: redisServer.url,
    db,
    redis,
    versions: [await postgresVersion(db), await redisVersion(redis)],
    async reset() {
      await redis.flushall()
      await db.query('TRUNCATE vss.sessions, vss.call_legs, vss.deliveries')
      // The peers' queues; they make them again.
      await db.query('DROP SCHEMA IF EXISTS pgboss, graphile_worker CASCADE')
      await db.query('CHECKPOINT')
    },
    async stop() {
      redis.disconnect()
      await db.end()
      await folder.remove()
    },
  }
}

/** Commit times tell when a row became visible, without anybody looking at it all the time. */
async function startPostgresWithCommitTimes(dataDir: string) {
  const first = await startPostgres({ dataDir, port: 0 })
  const db = new pg.Client({ connectionString: first.url })
  await db.connect()
  await db.query('ALTER SYSTEM SET track_commit_timestamp = on')
  await db.end()
  await first.stop()
  return await startPostgres({ dataDir, port: 0 })
}

async function postgresVersion(db: pg.Client): Promise<string> {
  const { rows } = await db.query<{ server_version: string }>('SHOW server_version')
  return `PostgreSQL ${rows[0]!.server_version}`
}

async function redisVersion(redis: Redis): Promise<string> {
  const info = await redis.info('server')
  return `Redis ${/redis_version:(\S+)/.exec(info)?.[1]}`
}
