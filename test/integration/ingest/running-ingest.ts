import { type Delivery, webhookPath } from '@vss-pipeline/delivery'
import { closeServer, createMetricsRegistry, listen, type Registry } from '@vss-pipeline/runtime/service'
import { request } from 'undici'
import { expect, onTestFinished } from 'vitest'
import { type Answers, createAnswers } from '../../../services/ingest/src/answers.ts'
import { createApp } from '../../../services/ingest/src/app.ts'
import { createAuthenticator } from '../../../services/ingest/src/authentication.ts'
import { type IngestConfig, loadConfig } from '../../../services/ingest/src/config.ts'
import type { Keep } from '../../../services/ingest/src/keep.ts'
import { createIngestMetrics, type IngestMetrics } from '../../../services/ingest/src/metrics.ts'
import { createIngestServer } from '../../../services/ingest/src/server.ts'
import { createWaitingBytes, type WaitingBytes } from '../../../services/ingest/src/waiting-bytes.ts'
import { createRecordingLogger } from '../../support/recording-logger.ts'

export interface RunningIngest {
  port: number
  /** The URL that takes deliveries. */
  url: string
  /** The deliveries that were kept, unless the test gave a `createKeep`. */
  kept: Delivery[]
  logLines: string[]
  registry: Registry
  metrics: IngestMetrics
  answers: Answers
  openConnections(): Promise<number>
  /** How many requests were refused, by reason, without the reasons that have none. */
  refused(): Promise<Record<string, number>>
}

/** Posts one more delivery, which must be acknowledged. */
export async function expectServing(ingest: RunningIngest): Promise<void> {
  const response = await request(ingest.url, { method: 'POST', body: 'after' })
  await response.body.dump()
  expect(response.statusCode).toBe(200)
}

/** Listens with the real app and server on a free port, until the test has finished. */
export async function startIngest(
  options: {
    config?: Partial<IngestConfig>
    /** Makes the `keep` of the app. By default, deliveries go to `kept`. */
    createKeep?: (metrics: IngestMetrics, waiting: WaitingBytes) => Keep
  } = {},
): Promise<RunningIngest> {
  const config = { ...loadConfig({ REDIS_URL: 'redis://unused' }), ...options.config }
  const { logger, lines } = createRecordingLogger('trace')
  const registry = createMetricsRegistry()
  const metrics = createIngestMetrics(registry)
  const answers = createAnswers({ metrics, logger })
  onTestFinished(answers.close)
  const kept: Delivery[] = []
  const waiting = createWaitingBytes({ maxWaitingBytes: config.maxWaitingBytes, logger })
  const keep = options.createKeep?.(metrics, waiting) ?? (async (delivery) => void kept.push(delivery))

  const app = createApp({
    config,
    isAuthentic: createAuthenticator(config.webhookSecrets),
    keep,
    mark: { floorMs: 0 },
    waiting,
    answers,
    logger,
  })
  const server = createIngestServer({ app, config, answers })
  const port = await listen(server, { host: '127.0.0.1', port: 0, variables: { host: 'HOST', port: 'PORT' } })
  onTestFinished(() => closeServer(server, { graceMs: 0 }))
  return {
    port,
    url: `http://127.0.0.1:${port}${webhookPath}`,
    kept,
    logLines: lines,
    registry,
    metrics,
    answers,
    openConnections: () =>
      new Promise((resolve, reject) => {
        server.getConnections((error, count) => (error ? reject(error) : resolve(count)))
      }),
    async refused() {
      const metric = await registry.getSingleMetric('vss_requests_refused_total')!.get()
      const counted = metric.values.filter(({ value }) => value > 0)
      return Object.fromEntries(counted.map(({ labels, value }) => [labels.reason, value]))
    },
  }
}
