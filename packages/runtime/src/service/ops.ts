import { getRequestListener } from '@hono/node-server'
import { Hono } from 'hono'
import type { Registry } from 'prom-client'
import { withinMs } from '../deadline.ts'
import type { Progress } from '../progress.ts'
import { createBoundedServer } from './bounded-server.ts'
import { closeServer, listen } from './http.ts'
import type { Lifecycle } from './lifecycle.ts'

/** A few clients ask, every few seconds. */
const limits = { maxConnections: 100, requestTimeoutMs: 10_000, keepAliveTimeoutMs: 75_000 }

/** Checks one thing that a service needs for its work: resolves when it is there, throws when it is not. */
export type ReadinessCheck = () => Promise<unknown>

/**
 * The health and the metrics of a service. They have a port of their own, so that they are never public.
 *
 * - `GET /livez`: 200 while the event loop turns and the work in hand moves on; 503 when only a restart can help.
 * - `GET /readyz`: 200 when every check passes, else 503, with the result of each check.
 * - `GET /metrics`: Prometheus text.
 */
export function createOpsApp(deps: {
  registry: Registry
  checks: Record<string, ReadinessCheck>
  progress: Progress
}): Hono {
  const { registry, checks, progress } = deps
  const check = shareWhileRunning(() => runChecks(checks))
  const render = shareWhileRunning(() => registry.metrics())
  const app = new Hono()
  app.get('/livez', (c) =>
    progress.isStuck ? c.json({ status: 'stuck' }, 503) : c.json({ status: 'alive' }),
  )
  app.get('/readyz', async (c) => {
    const results = await check()
    const ready = Object.values(results).every((result) => result === 'ok')
    return c.json({ status: ready ? 'ready' : 'not ready', checks: results }, ready ? 200 : 503)
  })
  app.get('/metrics', async (c) => {
    return c.text(await render(), 200, { 'Content-Type': registry.contentType })
  })
  return app
}

/** Calls that come while the work is going on share its result, so that many at once cost no more than one. */
function shareWhileRunning<Result>(work: () => Promise<Result>): () => Promise<Result> {
  let running: Promise<Result> | undefined
  return function share() {
    running ??= work().finally(() => {
      running = undefined
    })
    return running
  }
}

async function runChecks(checks: Record<string, ReadinessCheck>): Promise<Record<string, string>> {
  const results = await Promise.all(
    Object.entries(checks).map(async ([name, check]) => {
      try {
        await withinMs(check(), 1000, 'no answer')
        return [name, 'ok'] as const
      } catch {
        return [name, 'failed'] as const
      }
    }),
  )
  return Object.fromEntries(results)
}

/** Serves {@link createOpsApp} until the lifecycle closes. @returns the port. */
export async function startOpsServer(deps: {
  host: string
  port: number
  registry: Registry
  checks: Record<string, ReadinessCheck>
  progress: Progress
  lifecycle: Lifecycle
}): Promise<number> {
  const { host, port, registry, checks, progress, lifecycle } = deps
  const { fetch } = createOpsApp({ registry, checks, progress })
  // The name is for health checks over HTTP/1.0, which have no Host.
  const { server } = createBoundedServer({
    listener: getRequestListener(fetch, { hostname: 'localhost' }),
    answerError: () => 'HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n',
    ...limits,
  })
  const boundPort = await listen(server, {
    host,
    port,
    variables: { host: 'HOST or OPS_HOST', port: 'OPS_PORT' },
  })
  lifecycle.onClose('ops listener', () => closeServer(server, { graceMs: 1_000 }))
  return boundPort
}
