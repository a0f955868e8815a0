import { batchLimits } from '@vss-pipeline/delivery'
import { createPipeline, createWrite } from '@vss-pipeline/pipeline'
import { createConsumer, observeQueue } from '@vss-pipeline/queue'
import { readFeedState } from '@vss-pipeline/reader'
import { createProgress, createRoom, pipelineVersion } from '@vss-pipeline/runtime'
import {
  createLogger,
  createMetricsRegistry,
  type Lifecycle,
  type Logger,
  runService,
  startOpsServer,
} from '@vss-pipeline/runtime/service'
import {
  closePool,
  createPool,
  createWriter,
  pingDatabase,
  workerApplicationName,
} from '@vss-pipeline/storage'
import { loadConfig, type WorkerConfig } from './config.ts'
import { watchDatabase } from './database-watch.ts'
import { createDriftTeller } from './drift.ts'
import { keepFeedBeating } from './feed-heartbeat.ts'
import { observeFeed } from './feed-metrics.ts'
import { keepFigures } from './figures.ts'
import { createWorkerMetrics } from './metrics.ts'
import { keepMinutesAddedUp } from './minutes.ts'
import { keepPartitionsAhead } from './partitions.ts'
import { keepPresent } from './presence.ts'
import { keepRetention } from './retention.ts'
import { observeSilence } from './silence-metrics.ts'
import { createSuspectProcessor } from './suspects.ts'
import { keepWatermark } from './watermark.ts'

/** The deliveries of three transactions, so that one is ready while others are written. Other batches stay packed. */
const unpackedDeliveries = 3 * batchLimits.maxCount

/** Longer than a statement may take, which is half a minute, and than the second between tries of a database. */
const stuckAfterMs = 120_000

await runService({
  name: 'worker',
  loadConfig: () => loadConfig(process.env),
  createLogger: (config) => createLogger({ service: 'worker', level: config.logLevel }),
  start,
})

async function start(deps: { config: WorkerConfig; logger: Logger; lifecycle: Lifecycle }): Promise<void> {
  const { config, logger, lifecycle } = deps
  const registry = createMetricsRegistry()
  const metrics = createWorkerMetrics(registry)

  const pool = createPool({
    databaseUrl: config.databaseUrl,
    maxConnections: 4,
    applicationName: workerApplicationName,
  })
  lifecycle.onClose('database pool', () => closePool(pool))

  await keepPartitionsAhead({ pool, lifecycle, logger })

  const progress = createProgress({ stuckAfterMs })
  const stop = new AbortController()
  const writer = createWriter({ pool, pipelineVersion })
  const drift = createDriftTeller({ pool, lifecycle, logger })
  const { write, writeOnce } = createWrite({
    writer,
    metrics: {
      flushed: metrics.flushed,
      settled(recorded) {
        metrics.settled(recorded)
        drift.observe(recorded)
      },
    },
    logger,
    progress,
    stopping: stop.signal,
  })
  const processBatch = createPipeline({ write })
  const processSuspect = createSuspectProcessor({ writeOnce, logger })

  const room = createRoom(unpackedDeliveries)
  const consumer = createConsumer({
    redisUrl: config.redisUrl,
    prefix: config.queuePrefix,
    shards: config.queueShards,
    concurrency: config.workerConcurrency,
    logger,
    async handle(batch) {
      progress.begin()
      try {
        if (batch.stalledBefore) return await processSuspect(batch)
        return await room.within(batch.deliveryIds.length, () => {
          // A batch that has not begun when the worker stops goes back to the queue.
          stop.signal.throwIfAborted()
          return processBatch(batch)
        })
      } finally {
        progress.end()
      }
    },
  })
  observeQueue({ registry, topology: consumer.topology })
  observeFeed({ registry, read: (limits) => readFeedState(pool, limits) })
  lifecycle.onClose('consumer', async () => {
    const closed = consumer.close()
    // Batches in hand that wait for the database go back to the queue.
    stop.abort()
    await closed
  })

  const opsPort = await startOpsServer({
    host: config.opsHost,
    port: config.opsPort,
    registry,
    checks: { redis: () => consumer.probe(), postgres: () => pingDatabase(pool) },
    progress,
    lifecycle,
  })
  const database = watchDatabase({ pool, registry, lifecycle })
  keepPresent({ config, consumer, database, lifecycle })
  keepFeedBeating({ pool, lifecycle, logger })
  keepWatermark({ pool, topology: consumer.topology, registry, lifecycle, logger })
  keepMinutesAddedUp({ pool, lifecycle, logger })
  keepFigures({ pool, lifecycle, logger })
  keepRetention({ pool, days: config.retentionDays, registry, lifecycle, logger })
  observeSilence({ registry, pool, lifecycle, logger })
  logger.info({ opsHost: config.opsHost, opsPort, concurrency: config.workerConcurrency }, 'consuming')
}
