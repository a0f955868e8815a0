import { join } from 'node:path'
import type { RunningServer } from './launch-server.ts'
import { startPostgres } from './postgres.ts'
import { startRedis } from './redis.ts'
import { findOrInstallRedisServer } from './redis-server.ts'

export interface Stack {
  databaseUrl: string
  redisUrl: string
  /** Resolves when one of the servers has ended, with a sentence that names it and how. */
  ended: Promise<string>
  /** Stops the servers that were started here, Redis first. Harmless when repeated. */
  stop(): Promise<void>
}

/**
 * Provides Postgres and Redis: those of `databaseUrl` and `redisUrl` where given, else started in `folder`, which
 * the caller has claimed.
 *
 * @param options.mayInstallRedis whether a missing redis-server may be installed; true by default.
 * @param options.ports to take when the folder remembers none; 0 is any free one.
 * @throws LocalStackError when a server does not start; the other one is stopped then.
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
  // First, because it may have to be installed, or be missing.
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

/** A server of somebody else's: not ours to stop, nor to watch. */
function given(url: string): Pick<RunningServer, 'url' | 'ended' | 'stop'> {
  return { url, ended: new Promise(() => undefined), stop: async () => undefined }
}
