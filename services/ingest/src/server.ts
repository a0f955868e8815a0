import {
  type IncomingMessage,
  type OutgoingHttpHeaders,
  type Server,
  type ServerResponse,
  STATUS_CODES,
} from 'node:http'
import type { Socket } from 'node:net'
import { getRequestListener, RequestError } from '@hono/node-server'
import { createBoundedServer } from '@vss-pipeline/runtime/service'
import type { Hono } from 'hono'
import type { Answers } from './answers.ts'
import { awaitGoAhead, discardRest } from './body.ts'
import type { IngestConfig } from './config.ts'
import { protocolFault } from './protocol.ts'
import { Refusal, type RefusalCode, refusalBody, refusalHeaders, refusals } from './refusal.ts'

/** An HTTP server for the app. It bounds a client's connections, and answers bad requests that never reach the app. */
export function createIngestServer(deps: {
  // biome-ignore lint/suspicious/noExplicitAny: the server serves an app of any environment
  app: Hono<any>
  config: Pick<IngestConfig, 'requestTimeoutMs' | 'maxConnections' | 'keepAliveTimeoutMs'>
  answers: Pick<Answers, 'refused'>
}): Server {
  const { app, config, answers } = deps
  // The name is for requests without a Host, because their URL needs one.
  const serve = getRequestListener(app.fetch, { errorHandler: refuseUnroutable, hostname: 'localhost' })

  /** Answers a request that cannot be routed, because its target and Host make no URL. */
  function refuseUnroutable(error: unknown): Response {
    const refusal = new Refusal(error instanceof RequestError ? 'bad_request' : 'internal_error')
    answers.refused(refusal.code)
    return refusal.toResponse()
  }
  async function refuse(
    request: IncomingMessage,
    response: ServerResponse,
    code: RefusalCode,
  ): Promise<void> {
    // The address of a proxy would be no sender's.
    answers.refused(code, { method: request.method, sourceIp: null })
    // Set at once, because pipelined requests come before the answer is sent.
    response.shouldKeepAlive = false
    await discardRest(request)
    const body = refusalBody(code)
    response.writeHead(refusals[code].status, headersWithLength(code, body)).end(body)
  }

  /** Makes an answer in our form to bytes that Node refuses before they are a request. */
  function refuseRaw(code: RefusalCode): string {
    answers.refused(code)
    return rawAnswer(code)
  }

  const { server, connections } = createBoundedServer({
    listener(request, response) {
      const fault = protocolFault(request)
      if (fault === undefined) void serve(request, response)
      else void refuse(request, response, fault)
    },
    answerError: (error) => refuseRaw(clientErrors[error.code ?? ''] ?? 'bad_request'),
    ...config,
  })
  server.on('checkContinue', (request, response) => {
    awaitGoAhead(request)
    server.emit('request', request, response)
  })
  // Other expectations than 100-continue are ignored. By itself, Node would answer them with 417.
  server.on('checkExpectation', (request, response) => server.emit('request', request, response))

  server.on('connect', (_request, socket: Socket) => {
    // Node has removed its own listener of errors.
    socket.on('error', () => socket.destroy())
    connections.endWith(socket, () => refuseRaw('method_not_allowed'))
  })
  return server
}

const clientErrors: Record<string, RefusalCode> = {
  ERR_HTTP_REQUEST_TIMEOUT: 'request_timeout',
  HPE_HEADER_OVERFLOW: 'headers_too_large',
  HPE_INVALID_VERSION: 'unsupported_http_version',
  // The first line of HTTP/2 was sent.
  HPE_PAUSED_H2_UPGRADE: 'unsupported_http_version',
}

function headersWithLength(code: RefusalCode, body: string): OutgoingHttpHeaders {
  return { ...refusalHeaders(code), 'Content-Length': Buffer.byteLength(body) }
}

function rawAnswer(code: RefusalCode): string {
  const { status } = refusals[code]
  const body = refusalBody(code)
  const lines = Object.entries(headersWithLength(code, body)).map(([name, value]) => `${name}: ${value}`)
  return [`HTTP/1.1 ${status} ${STATUS_CODES[status]}`, ...lines, '', body].join('\r\n')
}
