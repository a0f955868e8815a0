import { createProducer, observeQueue } from '@vss-pipeline/queue'
import {
  closeServer,
  createLogger,
  createMetricsRegistry,
  type Lifecycle,
  type Logger,
  listen,
  runService,
  startOpsServer,
} from '@vss-pipeline/runtime'
import { createApp } from './app.ts'
import { type IngestConfig, loadConfig } from './config.ts'
import { createKeep } from './keep.ts'
import { createIngestMetrics } from './metrics.ts'
import { createIngestServer } from './server.ts'

const startGraceMs = 500

await runService({
  name: 'ingest',
  loadConfig: () => loadConfig(process.env),
  createLogger: (config) => createLogger({ service: 'ingest', level: config.logLevel }),
  start,
})

async function start(deps: { config: IngestConfig; logger: Logger; lifecycle: Lifecycle }): Promise<void> {
  const { config, logger, lifecycle } = deps
  const { host, redisUrl, queuePrefix, enqueueTimeoutMs } = config
  const registry = createMetricsRegistry()
  const metrics = createIngestMetrics(registry)

  const producer = createProducer({
    redisUrl,
    prefix: queuePrefix,
    logger,
    commandTimeoutMs: enqueueTimeoutMs,
  })
  lifecycle.onClose('queue', () => producer.close())
  observeQueue({ registry, queue: producer.queue, client: producer.client })

  const opsPort = await startOpsServer({
    host,
    port: config.opsPort,
    registry,
    checks: { redis: () => producer.client.ping() },
    lifecycle,
  })

  const keep = createKeep({ producer, metrics, enqueueTimeoutMs })
  const app = createApp({ config, keep, metrics, logger })
  // So that who waits for "listening" is not refused; a Redis that is away must not keep us from saying so.
  await producer.awaitConnection(startGraceMs)
  const server = createIngestServer({ app, config, metrics })
  const port = await listen(server, { host, port: config.port, variable: 'PORT' })
  // Half of the time for those who are still sending; the other half for the queue.
  lifecycle.onClose('http listener', () => closeServer(server, { graceMs: config.shutdownTimeoutMs / 2 }))

  logger.info({ host, port, opsPort }, 'listening')
  if (config.webhookSecrets.length === 0) logger.warn('WEBHOOK_SECRETS is not set: any POST is accepted')
}
