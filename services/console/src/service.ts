import { createQueueReader, keepText, type QueueReader, tellProcess } from '@vss-pipeline/queue'
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
import { createRuns, mostRunsAtOnce, type Runs } from './reprocess/runs.ts'
import { createConsoleServer } from './server.ts'

/** Somebody waits for the page, and the database has other work. */
const statementTimeoutMs = 10_000

/** A page of a rare selection may read a month of the ledger. */
const operatorStatementTimeoutMs = 10 * 60_000

/** Runs the console until it is told to stop. */
export async function runConsole(env: NodeJS.ProcessEnv): Promise<void> {
  await runService({
    name: 'console',
    loadConfig: () => loadConfig(env),
    createLogger: (config) => createLogger({ service: 'console', level: config.logLevel }),
    start,
  })
}

async function start(deps: { config: ConsoleConfig; logger: Logger; lifecycle: Lifecycle }): Promise<void> {
  const { config, logger, lifecycle } = deps
  const { host, opsHost } = config
  const pool = createPool({
    databaseUrl: config.readDatabaseUrl ?? config.databaseUrl,
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
  const runs = openRuns({ config, queue, logger, lifecycle })
  const app = createApp({ config, pool, queue, runs, assets: loadAssets(), logger })
  const server = createConsoleServer(app)
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

function openRuns(deps: {
  config: ConsoleConfig
  queue: QueueReader
  logger: Logger
  lifecycle: Lifecycle
}): Runs | null {
  const { config, queue, logger, lifecycle } = deps
  if (config.operatorDatabaseUrl === undefined) return null
  const pool = createPool({
    databaseUrl: config.operatorDatabaseUrl,
    maxConnections: mostRunsAtOnce,
    applicationName: 'vss-console-operator',
    statementTimeoutMs: operatorStatementTimeoutMs,
  })
  lifecycle.onClose('operator database pool', () => closePool(pool))
  const kept = keepText(queue.client, { prefix: config.queuePrefix, name: 'reprocessed' })
  const runs = createRuns({ pool, kept, logger })
  lifecycle.onClose('reprocessing', () => runs.close())
  return runs
}
