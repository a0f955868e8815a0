import { createProducer, observeQueue } from '@vss-pipeline/queue'
import { ConfigError, createProgress } from '@vss-pipeline/runtime'
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
import { createApp } from './app.ts'
import { type IngestConfig, loadConfig } from './config.ts'
import { createEnqueue, createKeep } from './keep.ts'
import { createIngestMetrics, observeSpool } from './metrics.ts'
import { watchSecrets } from './secrets.ts'
import { createIngestServer } from './server.ts'
import { openSpool, type Spool } from './spool/spool.ts'
import { createSpooler } from './spool/spooler.ts'
import { createWaitingBytes } from './waiting-bytes.ts'

const startGraceMs = 500
/** No delivery waits for so long on purpose. */
const stuckAfterMs = 120_000

await runService({
  name: 'ingest',
  loadConfig: () => loadConfig(process.env),
  createLogger: (config) => createLogger({ service: 'ingest', level: config.logLevel }),
  start,
})

async function start(deps: { config: IngestConfig; logger: Logger; lifecycle: Lifecycle }): Promise<void> {
  const { config, logger, lifecycle } = deps
  const { host, opsHost, redisUrl, queuePrefix, enqueueTimeoutMs } = config
  const registry = createMetricsRegistry()
  const metrics = createIngestMetrics(registry)

  const producer = createProducer({
    redisUrl,
    prefix: queuePrefix,
    shards: config.queueShards,
    logger,
    commandTimeoutMs: enqueueTimeoutMs,
    waitReplicas: config.redisWaitReplicas,
  })
  lifecycle.onClose('queue', () => producer.close())
  observeQueue({ registry, shards: producer.shards, client: producer.client })

  const spool = await openSpoolOf(config)
  const spooler =
    spool && createSpooler({ spool, producer, logger, closeTimeoutMs: config.shutdownTimeoutMs / 4 })
  if (spool && spooler) {
    observeSpool(registry, spool)
    lifecycle.onClose('spool', () => spooler.close())
  }

  const progress = createProgress({ stuckAfterMs })
  let isListening = false
  const opsPort = await startOpsServer({
    host: opsHost,
    port: config.opsPort,
    registry,
    checks: {
      async [spool ? 'redis_or_spool' : 'redis']() {
        if (!isListening) throw new Error('not listening yet')
        if (spooler?.isWithholding) throw new Error('the spool does not give back what it holds')
        if (!spooler?.takesDeliveries) await producer.probe()
      },
    },
    progress,
    lifecycle,
  })

  const enqueue = createEnqueue({ producer, metrics, enqueueTimeoutMs })
  const waiting = createWaitingBytes({ maxWaitingBytes: config.maxWaitingBytes, logger })
  const keep = createKeep({ enqueue, spooler, metrics, progress, waiting })
  const secrets = watchSecrets({
    secrets: config.webhookSecrets,
    file: config.webhookSecretsFile,
    host,
    logger,
  })
  lifecycle.onClose('secrets', secrets.stop)
  const app = createApp({ config, isAuthentic: secrets.isAuthentic, keep, waiting, metrics, logger })
  // So that who waits for "listening" is not refused; a Redis that is away must not keep us from saying so.
  await producer.awaitConnection(startGraceMs)
  const server = createIngestServer({ app, config, metrics })
  const port = await listen(server, {
    host,
    port: config.port,
    variables: { host: 'HOST', port: 'PORT' },
  })
  isListening = true
  // Half of the time for those who are still sending; the other half for the queue.
  lifecycle.onClose('http listener', () => closeServer(server, { graceMs: config.shutdownTimeoutMs / 2 }))

  logger.info({ host, port, opsHost, opsPort }, 'listening')
  if (config.webhookSecrets.length === 0) logger.warn('WEBHOOK_SECRETS is not set: any POST is accepted')
}

async function openSpoolOf({
  spoolDir,
  spoolMaxBytes,
  maxBodyBytes,
}: IngestConfig): Promise<Spool | undefined> {
  if (spoolDir === undefined) return undefined
  try {
    return await openSpool({ dir: spoolDir, maxBytes: spoolMaxBytes, maxBodyBytes })
  } catch (cause) {
    const { message } = cause as Error
    throw new ConfigError(
      `SPOOL_DIR is ${JSON.stringify(spoolDir)} (${message}): it takes a folder on a local disk that ingest may write to`,
      { cause },
    )
  }
}
