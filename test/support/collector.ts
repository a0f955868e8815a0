import { once } from 'node:events'
import { createServer, type IncomingHttpHeaders } from 'node:http'
import type { AddressInfo } from 'node:net'
import { buffer } from 'node:stream/consumers'
import { until } from '@vss-pipeline/local-stack'
import { onTestFinished } from 'vitest'
import { type ReceivedSpan, readSpans } from './otlp-message.ts'

/** An OpenTelemetry collector on loopback: it takes OTLP over HTTP and keeps what it is sent. */
export interface Collector {
  /** The settings by which a service sends its traces here, at once. */
  env: NodeJS.ProcessEnv
  spans: ReceivedSpan[]
  /** The requests as they came. */
  requests: { path: string; headers: IncomingHttpHeaders; body: Buffer }[]
  /** Waits for a span that passes. */
  untilSpan(event: string, passes: (span: ReceivedSpan) => boolean): Promise<ReceivedSpan>
}

/** Starts a collector, until the test has finished. */
export async function startCollector(): Promise<Collector> {
  const spans: ReceivedSpan[] = []
  const requests: Collector['requests'] = []
  const server = createServer(async (request, response) => {
    const body = await buffer(request)
    requests.push({ path: request.url!, headers: request.headers, body })
    spans.push(...readSpans(body))
    response.end()
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  const { port } = server.address() as AddressInfo
  return {
    env: { OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${port}`, OTEL_BSP_SCHEDULE_DELAY: '50' },
    spans,
    requests,
    untilSpan: (event, passes) => until(event, () => spans.find(passes), { timeoutMs: 20_000 }),
  }
}

/** Whether a span is linked to another one. */
export function isLinkedTo(span: ReceivedSpan, to: Pick<ReceivedSpan, 'traceId' | 'spanId'>): boolean {
  return span.links.some(({ traceId, spanId }) => traceId === to.traceId && spanId === to.spanId)
}
