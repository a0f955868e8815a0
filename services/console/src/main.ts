import { createQueueReader, tellProcess } from '@vss-pipeline/queue'
import { createProgress } from '@vss-pipeline/runtime'
import {
  closeServer,
  createLogger,
  createMetricsRegistry,
  type Lifecycle,
  type Logger,
  listen,
  runService,
  startOpsServer,
} from '@vss-pipeline/runtime/service'
import { closePool, createPool } from '@vss-pipeline/storage'
import { createApp } from './app.ts'
import { loadAssets } from './assets.ts'
import { type ConsoleConfig, loadConfig } from './config.ts'
import { createConsoleServer } from './server.ts'

/** Somebody waits for the page, and the database has other work. */
const statementTimeoutMs = 10_000

await runService({
  name: 'console',
  loadConfig: () => loadConfig(process.env),
  createLogger: (config) => createLogger({ service: 'console', level: config.logLevel }),
  start,
})

async function start(deps: { config: ConsoleConfig; logger: Logger; lifecycle: Lifecycle }): Promise<void> {
  const { config, logger, lifecycle } = deps
  const { host, opsHost } = config
  const pool = createPool({
    databaseUrl: config.databaseUrl,
    maxConnections: 8,
    applicationName: 'vss-console',
    statementTimeoutMs,
  })
  lifecycle.onClose('database pool', () => closePool(pool))
  const queue = createQueueReader({
    redisUrl: config.redisUrl,
    prefix: config.queuePrefix,
    logger,
  })
  lifecycle.onClose('queue', () => queue.close())
  const process = tellProcess({
    client: queue.client,
    prefix: config.queuePrefix,
    service: 'console',
    report: () => ({}),
  })
  lifecycle.onClose('process', () => process.close())

  // An outage is something to show, so the console is ready without Postgres and Redis.
  const opsPort = await startOpsServer({
    host: opsHost,
    port: config.opsPort,
    registry: createMetricsRegistry(),
    checks: {},
    progress: createProgress({ stuckAfterMs: Number.POSITIVE_INFINITY }),
    lifecycle,
  })
  const server = createConsoleServer(createApp({ config, pool, queue, assets: loadAssets(), logger }))
  const port = await listen(server, {
    host,
    port: config.consolePort,
    variables: { host: 'HOST', port: 'CONSOLE_PORT' },
  })
  lifecycle.onClose('http listener', () => closeServer(server, { graceMs: 1_000 }))

  logger.info({ host, port, opsHost, opsPort }, 'listening')
  if (config.consolePassword === undefined) {
    logger.warn('CONSOLE_PASSWORD is not set: whoever is on this machine may read all records')
  }
}
