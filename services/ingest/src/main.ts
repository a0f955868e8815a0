import { createProducer, observeQueue, type Producer } from '@vss-pipeline/queue'
import { ConfigError, createProgress } from '@vss-pipeline/runtime'
import {
  closeServer,
  createLogger,
  createMetricsRegistry,
  type Lifecycle,
  type Logger,
  listen,
  type Registry,
  runService,
  startOpsServer,
} from '@vss-pipeline/runtime/service'
import { createAnswers } from './answers.ts'
import { createApp } from './app.ts'
import { type IngestConfig, loadConfig } from './config.ts'
import { createEnqueue, createKeep } from './keep.ts'
import { createIngestMetrics, observeSpool } from './metrics.ts'
import { keepPresent } from './presence.ts'
import { createReadinessChecks } from './readiness.ts'
import { watchSecrets } from './secrets.ts'
import { createIngestServer } from './server.ts'
import { openSpool, type Spool } from './spool/spool.ts'
import { createSpooler, type Spooler } from './spool/spooler.ts'
import { createWaitingBytes } from './waiting-bytes.ts'
import { createInHand, startMarkTelling } from './watermark.ts'

/** A start waits this long for Redis, so that the first deliveries are not refused. */
const startGraceMs = 500
/** Longer than any delivery waits on purpose. */
const stuckAfterMs = 120_000

await runService({
  name: 'ingest',
  loadConfig: () => loadConfig(process.env),
  createLogger: (config) => createLogger({ service: 'ingest', level: config.logLevel }),
  start,
})

async function start(deps: { config: IngestConfig; logger: Logger; lifecycle: Lifecycle }): Promise<void> {
  const { config, logger, lifecycle } = deps
  const { host, opsHost } = config
  const registry = createMetricsRegistry()
  const metrics = createIngestMetrics(registry)
  const answers = createAnswers({ metrics, logger })
  lifecycle.onClose('answers', answers.close)

  const producer = openQueue({ config, logger, lifecycle, registry })
  const spool = await openSpoolOf(config)
  const inHand = createInHand()
  const mark = startMarkTelling({ producer, prefix: config.queuePrefix, spool, inHand, logger })
  lifecycle.onClose('mark', () => mark.close())
  const spooler =
    spool && startSpooler({ spool, adopt: mark.adopt, config, logger, lifecycle, registry, producer })

  const progress = createProgress({ stuckAfterMs })
  let isListening = false
  const opsPort = await startOpsServer({
    host: opsHost,
    port: config.opsPort,
    registry,
    checks: createReadinessChecks({ producer, spooler, mark, isListening: () => isListening }),
    progress,
    lifecycle,
  })

  const enqueue = createEnqueue({ producer, metrics, enqueueTimeoutMs: config.enqueueTimeoutMs })
  const waiting = createWaitingBytes({ maxWaitingBytes: config.maxWaitingBytes, logger })
  const keep = createKeep({ enqueue, spooler, inHand, mark, metrics, progress, waiting })
  const secrets = watchSecrets({
    secrets: config.webhookSecrets,
    file: config.webhookSecretsFile,
    host,
    logger,
  })
  lifecycle.onClose('secrets', secrets.stop)
  const app = createApp({ config, isAuthentic: secrets.isAuthentic, keep, mark, waiting, answers, logger })
  keepPresent({ config, producer, spool, answers, lifecycle })
  await producer.awaitConnection(startGraceMs)
  await mark.tell()
  const server = createIngestServer({ app, config, answers })
  const port = await listen(server, {
    host,
    port: config.port,
    variables: { host: 'HOST', port: 'PORT' },
  })
  isListening = true
  // Half of the time is for clients that are still sending, the other half for the queue.
  lifecycle.onClose('http listener', () => closeServer(server, { graceMs: config.shutdownTimeoutMs / 2 }))

  logger.info({ host, port, opsHost, opsPort }, 'listening')
  if (config.webhookSecrets.length === 0) logger.warn('WEBHOOK_SECRETS is not set: any POST is accepted')
  if (spool === undefined) logger.warn('SPOOL_DIR is not set: while Redis is away, every POST is refused')
}

function openQueue(deps: {
  config: IngestConfig
  logger: Logger
  lifecycle: Lifecycle
  registry: Registry
}): Producer {
  const { config, logger, lifecycle, registry } = deps
  const producer = createProducer({
    redisUrl: config.redisUrl,
    prefix: config.queuePrefix,
    shards: config.queueShards,
    logger,
    commandTimeoutMs: config.enqueueTimeoutMs,
    waitReplicas: config.redisWaitReplicas,
  })
  lifecycle.onClose('queue', () => producer.close())
  observeQueue({ registry, topology: producer.topology })
  return producer
}

function startSpooler(deps: {
  spool: Spool
  adopt: () => Promise<number>
  config: IngestConfig
  logger: Logger
  lifecycle: Lifecycle
  registry: Registry
  producer: Producer
}): Spooler {
  const { spool, adopt, config, logger, lifecycle, registry, producer } = deps
  observeSpool({ registry, spool, maxBytes: config.spoolMaxBytes })
  const closeTimeoutMs = config.shutdownTimeoutMs / 4
  const spooler = createSpooler({ spool, adopt, producer, logger, closeTimeoutMs })
  lifecycle.onClose('spool', () => spooler.close())
  return spooler
}

/** @returns undefined where no SPOOL_DIR is set. @throws ConfigError when the folder cannot be used. */
async function openSpoolOf(
  config: Pick<IngestConfig, 'spoolDir' | 'spoolMaxBytes' | 'maxBodyBytes'>,
): Promise<Spool | undefined> {
  const { spoolDir, spoolMaxBytes: maxBytes, maxBodyBytes } = config
  if (spoolDir === undefined) return undefined
  try {
    return await openSpool({ dir: spoolDir, maxBytes, maxBodyBytes })
  } catch (cause) {
    const { message } = cause as Error
    throw new ConfigError(
      `SPOOL_DIR is ${JSON.stringify(spoolDir)} (${message}): it takes a folder on a local disk that ingest may write to`,
      { cause },
    )
  }
}
