import { createServer, type Server } from 'node:http'
import type { Socket } from 'node:net'
import { getRequestListener, RequestError } from '@hono/node-server'
import type { Hono } from 'hono'
import type { IngestConfig } from './config.ts'
import type { IngestMetrics } from './metrics.ts'
import { Refusal, type RefusalCode, refusalBody, refusals } from './refusal.ts'

/** An HTTP server for the app that bounds what a client may hold: connections, header size, and time. */
export function createIngestServer(deps: {
  // biome-ignore lint/suspicious/noExplicitAny: the server serves an app of any environment
  app: Hono<any>
  config: Pick<IngestConfig, 'requestTimeoutMs' | 'maxConnections'>
  metrics: IngestMetrics
}): Server {
  const { app, config, metrics } = deps
  const limits = {
    headersTimeout: config.requestTimeoutMs,
    requestTimeout: config.requestTimeoutMs,
    // Node looks for late requests only so often; its default of 30 s would make the limits above a fiction.
    connectionsCheckingInterval: Math.min(config.requestTimeoutMs / 2, 1_000),
    // Longer than the usual load balancer keeps its side open, so that it is not us who closes under it.
    keepAliveTimeout: 75_000,
    maxHeaderSize: 8 * 1024,
    // A request without a Host is refused below, in our form.
    requireHostHeader: false,
  }
  /** Answers a request whose target or Host makes no URL: there is nothing to route. */
  function refuseUnroutable(error: unknown): Response {
    const refusal = new Refusal(error instanceof RequestError ? 'bad_request' : 'internal_error')
    metrics.refused(refusal.code)
    return refusal.toResponse()
  }
  const server = createServer(limits, getRequestListener(app.fetch, { errorHandler: refuseUnroutable }))
  server.maxConnections = config.maxConnections
  // Node would answer an expectation other than 100-continue itself; it may as well be ignored.
  server.on('checkExpectation', (request, response) => server.emit('request', request, response))
  // What Node refuses before there is a request to route still gets an answer in our form.
  server.on('clientError', (error: NodeJS.ErrnoException, socket: Socket) => {
    if (error.code === 'ECONNRESET' || !socket.writable) {
      socket.destroy()
      return
    }
    // A probe that connects and says nothing has asked for nothing.
    if (socket.bytesRead === 0) {
      socket.destroy()
      return
    }
    const code = clientErrors[error.code ?? ''] ?? 'bad_request'
    metrics.refused(code)
    socket.end(rawAnswer(code), () => socket.destroy())
  })
  return server
}

const clientErrors: Record<string, RefusalCode> = {
  ERR_HTTP_REQUEST_TIMEOUT: 'request_timeout',
  HPE_HEADER_OVERFLOW: 'headers_too_large',
}

const statusTexts: Partial<Record<RefusalCode, string>> = {
  request_timeout: 'Request Timeout',
  headers_too_large: 'Request Header Fields Too Large',
  bad_request: 'Bad Request',
}

function rawAnswer(code: RefusalCode): string {
  const body = refusalBody(code)
  return [
    `HTTP/1.1 ${refusals[code].status} ${statusTexts[code]}`,
    'Content-Type: application/json',
    `Content-Length: ${Buffer.byteLength(body)}`,
    'Connection: close',
    '',
    body,
  ].join('\r\n')
}
