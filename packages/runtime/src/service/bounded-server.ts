import { createServer, type RequestListener, type Server } from 'node:http'
import type { Socket } from 'node:net'
import { boundConnections, type Connections } from './connections.ts'
import { cutOffUnreadAnswers } from './unread-answers.ts'

/**
 * An HTTP server that bounds clients: their connections, requests, unread answers, size of headers and time. It takes
 * requests without a Host as well.
 *
 * @param options.answerError makes the whole answer to bytes that Node finds to be no request, or too late.
 * @param options.requestTimeoutMs for a request to arrive, headers and body, and for an answer to be read.
 * @param options.keepAliveTimeoutMs is the time that a connection without a request stays open.
 */
export function createBoundedServer(options: {
  listener: RequestListener
  answerError: (error: NodeJS.ErrnoException) => string
  maxConnections: number
  requestTimeoutMs: number
  keepAliveTimeoutMs: number
}): { server: Server; connections: Connections } {
  const { listener, answerError, maxConnections, requestTimeoutMs, keepAliveTimeoutMs } = options
  const limits = {
    headersTimeout: requestTimeoutMs,
    requestTimeout: requestTimeoutMs,
    // Node looks for late requests only at this interval. Its default of 30 s would be longer than the limits above.
    connectionsCheckingInterval: Math.min(requestTimeoutMs / 2, 1_000),
    keepAliveTimeout: keepAliveTimeoutMs,
    maxHeaderSize: 8 * 1024,
    requireHostHeader: false,
  }
  // A client may close its side after its request and still get the answer. The option is not documented.
  const server = Object.assign(createServer(limits, listener), { httpAllowHalfOpen: true })
  const connections = boundConnections(server, { maxConnections })
  cutOffUnreadAnswers(server, { unreadTimeoutMs: requestTimeoutMs })
  server.on('clientError', (error: NodeJS.ErrnoException, socket: Socket) => {
    // A probe that connects and sends nothing gets no answer.
    if (error.code === 'ECONNRESET' || socket.bytesRead === 0) socket.destroy()
    else connections.endWith(socket, () => answerError(error))
  })
  return { server, connections }
}
