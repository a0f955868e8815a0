import { join } from 'node:path'
import type { RunningServer } from './launch-server.ts'
import { startPostgres } from './postgres.ts'
import { startRedis } from './redis.ts'
import { findOrInstallRedisServer } from './redis-server.ts'

export interface Stack {
  databaseUrl: string
  redisUrl: string
  /** Resolves when one of the servers has ended, with a text like "Redis exited with code 1". */
  ended: Promise<string>
  /** Stops the servers that startStack() started, Redis first. Harmless when repeated. */
  stop(): Promise<void>
}

/**
 * Provides Postgres and Redis. Uses the servers of `databaseUrl` and `redisUrl` when they are given. Else it starts
 * servers in `folder`, which the caller has claimed.
 *
 * @param options.mayInstallRedis whether a missing redis-server may be installed; true by default.
 * @param options.ports the ports of the first start; later starts keep theirs. 0 is any free one.
 * @throws LocalStackError when a server does not start, after it has stopped the other.
 */
export async function startStack(options: {
  folder: string
  databaseUrl?: string | undefined
  redisUrl?: string | undefined
  ports?: { postgres: number; redis: number } | undefined
  mayInstallRedis?: boolean
  log?: (line: string) => void
  signal?: AbortSignal | undefined
}): Promise<Stack> {
  const {
    folder,
    databaseUrl,
    redisUrl,
    ports,
    mayInstallRedis = true,
    log = () => undefined,
    signal,
  } = options
  // The search comes first, because it may have to install Redis, or fail.
  const program = redisUrl ? undefined : await findOrInstallRedisServer({ mayInstall: mayInstallRedis, log })
  const starts = await Promise.allSettled([
    databaseUrl
      ? given(databaseUrl)
      : startPostgres({ dataDir: join(folder, 'postgres'), port: ports?.postgres, signal }),
    redisUrl
      ? given(redisUrl)
      : startRedis({ dataDir: join(folder, 'redis'), port: ports?.redis, program, signal }),
  ])
  const [postgres, redis] = starts
  if (postgres.status === 'rejected' || redis.status === 'rejected') {
    await Promise.all(starts.map((start) => start.status === 'fulfilled' && start.value.stop()))
    throw starts.find((start) => start.status === 'rejected')!.reason
  }
  return {
    databaseUrl: postgres.value.url,
    redisUrl: redis.value.url,
    ended: Promise.race([
      postgres.value.ended.then((how) => `Postgres ${how}`),
      redis.value.ended.then((how) => `Redis ${how}`),
    ]),
    async stop() {
      await redis.value.stop()
      await postgres.value.stop()
    },
  }
}

/** A server that was given: it is neither stopped nor watched. */
function given(url: string): Pick<RunningServer, 'url' | 'ended' | 'stop'> {
  return { url, ended: new Promise(() => undefined), stop: async () => undefined }
}
