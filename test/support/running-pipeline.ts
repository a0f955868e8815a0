import { webhookPath } from '@vss-pipeline/delivery'
import { choosePort, type RunningService, startService } from '@vss-pipeline/local-stack'
import { createPool } from '@vss-pipeline/storage'
import { inject, onTestFailed, onTestFinished } from 'vitest'
import { freshPrefix } from './batches.ts'
import { createTestDatabase } from './databases.ts'
import { throughPooler } from './pooler.ts'

export interface RunningPipeline {
  /** The URL to post to. */
  webhookUrl: string
  databaseUrl: string
  redisUrl: string
  queuePrefix: string
  /** A pool on the pipeline's database, for looking at its rows. */
  pool: ReturnType<typeof createPool>
  ingest: RunningService
  /** The workers that were started first: one, unless `options.workers` says otherwise. */
  workers: RunningService[]
  /** Every service that was started, also the ones that have ended. */
  services: RunningService[]
  /** The lines that the services have printed. */
  log: readonly string[]
  startWorker(env?: NodeJS.ProcessEnv): Promise<RunningService>
  /** Starts ingest again on the same port, after it was stopped. */
  startIngest(): Promise<RunningService>
}

const keptLogLines = 100

/**
 * Starts the real services with a database and queue keys of their own. When the test has finished, the services are
 * stopped and the database is dropped, unless it was given.
 */
export async function startRunningPipeline(
  options: { workers?: number; databaseUrl?: string; redisUrl?: string; env?: NodeJS.ProcessEnv } = {},
): Promise<RunningPipeline> {
  const database = options.databaseUrl
    ? { url: options.databaseUrl, drop: async () => undefined }
    : await createTestDatabase(inject('databaseUrl'))
  onTestFinished(() => database.drop())
  const pool = createPool({ databaseUrl: database.url, maxConnections: 2, applicationName: 'vss-test' })
  onTestFinished(() => pool.end())

  const redisUrl = options.redisUrl ?? inject('redisUrl')
  const queuePrefix = freshPrefix()
  const settings = { databaseUrl: await throughPooler(database.url), redisUrl }
  const env = { ...options.env, QUEUE_PREFIX: queuePrefix }
  const started: RunningService[] = []
  const log: string[] = []
  onTestFailed(() =>
    console.error(`The last lines of the services' logs:\n${log.slice(-keptLogLines).join('\n')}`),
  )
  onTestFinished(async () => {
    await Promise.all(started.map((service) => service.stop()))
  })

  async function start(name: 'ingest' | 'worker', extra: NodeJS.ProcessEnv = {}): Promise<RunningService> {
    const service = await startService(name, {
      ...settings,
      env: { ...env, ...extra },
      onLine: (_, line) => log.push(line),
    })
    started.push(service)
    void service.ended.then((how) => log.push(`${name} (pid ${service.pid}) ${how}`))
    return service
  }

  const port = String(await choosePort(0))
  const ingest = await start('ingest', { PORT: port })
  const workers: RunningService[] = []
  for (let made = 0; made < (options.workers ?? 1); made++) workers.push(await start('worker'))
  return {
    webhookUrl: `http://127.0.0.1:${port}${webhookPath}`,
    databaseUrl: database.url,
    redisUrl,
    queuePrefix,
    pool,
    ingest,
    workers,
    services: started,
    log,
    startWorker: (extra) => start('worker', extra),
    startIngest: () => start('ingest', { PORT: port }),
  }
}
