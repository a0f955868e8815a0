import type { Server } from 'node:http'
import { createAdaptorServer } from '@hono/node-server'
import { Hono } from 'hono'
import type { Registry } from 'prom-client'
import { withinMs } from './deadline.ts'
import { closeServer, listen } from './http.ts'
import type { Lifecycle } from './lifecycle.ts'
import type { Progress } from './progress.ts'

/** One thing a service needs to do its work: resolves when it is there, throws when it is not. */
export type ReadinessCheck = () => Promise<unknown>

/**
 * What operators and orchestrators ask a service, on a port of its own so that it is never public:
 * `GET /livez` (200 while the event loop turns and what is in hand moves on, else 503: restart it), `/readyz` (200 when every check passes, else 503; both name
 * each check), `/metrics` (Prometheus text).
 */
export function createOpsApp(options: {
  registry: Registry
  checks: Record<string, ReadinessCheck>
  progress: Progress
}): Hono {
  const { registry, checks, progress } = options
  const app = new Hono()
  app.get('/livez', (c) =>
    progress.isStuck ? c.json({ status: 'stuck' }, 503) : c.json({ status: 'alive' }),
  )
  app.get('/readyz', async (c) => {
    const results = await runChecks(checks)
    const ready = Object.values(results).every((result) => result === 'ok')
    return c.json({ status: ready ? 'ready' : 'not ready', checks: results }, ready ? 200 : 503)
  })
  app.get('/metrics', async (c) => {
    const text = await registry.metrics()
    return c.text(text, 200, { 'Content-Type': registry.contentType })
  })
  return app
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
export async function startOpsServer(options: {
  host: string
  port: number
  registry: Registry
  checks: Record<string, ReadinessCheck>
  progress: Progress
  lifecycle: Lifecycle
}): Promise<number> {
  const { host, port, registry, checks, progress, lifecycle } = options
  const server = createAdaptorServer({ fetch: createOpsApp({ registry, checks, progress }).fetch }) as Server
  const boundPort = await listen(server, {
    host,
    port,
    variables: { host: 'HOST or OPS_HOST', port: 'OPS_PORT' },
  })
  lifecycle.onClose('ops listener', () => closeServer(server, { graceMs: 1_000 }))
  return boundPort
}
