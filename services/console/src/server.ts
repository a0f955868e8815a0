import type { Server } from 'node:http'
import { getRequestListener } from '@hono/node-server'
import { createBoundedServer } from '@vss-pipeline/runtime/service'
import type { Hono } from 'hono'
import type { ConsoleEnv } from './guards.ts'

/** People at browsers, each with a few connections. */
const limits = { maxConnections: 500, requestTimeoutMs: 10_000, keepAliveTimeoutMs: 75_000 }

/** An HTTP server for the console's app, which bounds its clients. */
export function createConsoleServer(app: Hono<ConsoleEnv>): Server {
  const { server } = createBoundedServer({
    listener: getRequestListener(app.fetch as Parameters<typeof getRequestListener>[0], {
      hostname: 'localhost',
    }),
    answerError: () => 'HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n',
    ...limits,
  })
  return server
}
