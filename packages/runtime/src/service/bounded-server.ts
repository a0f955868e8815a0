import { createServer, type RequestListener, type Server } from 'node:http'
import type { Socket } from 'node:net'
import { boundConnections, type Connections } from './connections.ts'

/**
 * An HTTP server that bounds what a client may hold of it: connections, requests, unread answers, header size and
 * time. Requests without a Host are handed over too.
 *
 * @param options.answerError Makes the whole answer to what Node finds to be no request, or too late.
 * @param options.requestTimeoutMs For a request to arrive, headers and body, and for an answer to be taken.
 * @param options.keepAliveTimeoutMs How long a connection without a request stays open.
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
    // Node looks for late requests only so often; its default of 30 s would make the limits above a fiction.
    connectionsCheckingInterval: Math.min(requestTimeoutMs / 2, 1_000),
    keepAliveTimeout: keepAliveTimeoutMs,
    maxHeaderSize: 8 * 1024,
    requireHostHeader: false,
  }
  // Who ends its side after its request still gets the answer. Not documented; without it the answer is dropped.
  const server = Object.assign(createServer(limits, listener), { httpAllowHalfOpen: true })
  const connections = boundConnections(server, { maxConnections, unreadTimeoutMs: requestTimeoutMs })
  server.on('clientError', (error: NodeJS.ErrnoException, socket: Socket) => {
    // A probe that connects and says nothing has asked for nothing.
    if (error.code === 'ECONNRESET' || socket.bytesRead === 0) socket.destroy()
    else connections.endWith(socket, () => answerError(error))
  })
  return { server, connections }
}
