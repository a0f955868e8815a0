import { hostname } from 'node:os'
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-proto'
import { resourceFromAttributes } from '@opentelemetry/resources'
import { AlwaysOnSampler, BatchSpanProcessor, TracerProvider } from '@opentelemetry/sdk-trace'
import { withinMs } from '../deadline.ts'
import type { Lifecycle } from '../service/lifecycle.ts'
import type { Logger } from '../service/logger.ts'
import { createTeller } from '../service/teller.ts'
import type { TraceSettings } from '../service/traces.ts'
import { pipelineVersion } from '../version.ts'
import { recordBatches } from './record-batches.ts'
import { recordRequests } from './record-requests.ts'
import { createSample } from './sampling.ts'
import { createSubscriptions } from './subscriptions.ts'
import { tellOfFailures } from './tell-of-failures.ts'

/** More than the deliveries of a batch. By default a span keeps the last 128 of its links. */
const mostLinks = 512

/** Spans that wait for the collector. Full batches have 500 links each, and this many of their spans take 64 MiB. */
const mostWaitingSpans = 512
const mostSpansAnExport = 128

/** The last spans are worth this wait at a stop, and no more: the collector may be away. */
const longestFlushMs = 2_000

/** Records this process' operations, and sends them to the collector until the service stops. */
export function startTraces(deps: {
  service: string
  config: TraceSettings
  logger: Logger
  lifecycle: Lifecycle
}): void {
  const { service, config, logger, lifecycle } = deps
  const exporter = new OTLPTraceExporter({
    url: tracesUrl(config),
    ...(config.otelExporterOtlpHeaders && { headers: config.otelExporterOtlpHeaders }),
  })
  const processor = new BatchSpanProcessor({
    exporter: tellOfFailures(exporter, logger),
    maxQueueSize: mostWaitingSpans,
    maxExportBatchSize: mostSpansAnExport,
    scheduledDelayMillis: config.otelBspScheduleDelay,
  })
  const provider = new TracerProvider({
    resource: resourceFromAttributes({
      'service.name': `vss-${service}`,
      'service.version': pipelineVersion,
      'service.instance.id': `${hostname()}:${process.pid}`,
      ...config.otelResourceAttributes,
      ...(config.otelServiceName !== undefined && { 'service.name': config.otelServiceName }),
    }),
    // A span is made only where createSample has said so.
    sampler: new AlwaysOnSampler(),
    spanLimits: { linkCountLimit: mostLinks },
    spanProcessors: [processor],
  })
  const told = createTeller<'defect'>(logger)
  const subscriptions = createSubscriptions({
    onDefect: (error) => told.repeatedly('defect', 'error', 'a span could not be recorded', { err: error }),
  })
  const recording = {
    tracer: provider.getTracer('vss-pipeline', pipelineVersion),
    sample: createSample({ sampler: config.otelTracesSampler, ratio: config.otelTracesSamplerArg }),
    subscriptions,
  }
  recordRequests(recording)
  recordBatches(recording)
  lifecycle.onClose('traces', async () => {
    subscriptions.end()
    const flushMs = Math.min(longestFlushMs, config.shutdownTimeoutMs / 10)
    await withinMs(provider.shutdown(), flushMs, 'the collector did not answer in time').catch((error) => {
      logger.warn({ reason: (error as Error).message }, 'the last traces could not be sent')
    })
  })
  logger.info({ sampler: config.otelTracesSampler }, 'recording traces')
}

function tracesUrl(config: TraceSettings): string {
  const { otelExporterOtlpTracesEndpoint: ofTraces, otelExporterOtlpEndpoint: ofAll } = config
  return ofTraces ?? `${(ofAll ?? 'http://localhost:4318').replace(/\/$/, '')}/v1/traces`
}
