import { serve as listen } from '@hono/node-server'
import type { Hono } from 'hono'
import { onSigterm } from './on-sigterm.ts'

/**
 * Serves an app on 127.0.0.1:PORT, as Hono's documentation shows it, and prints `ready` when it takes requests. On
 * SIGTERM it answers the requests in hand and then calls `close`. https://hono.dev/docs/getting-started/nodejs
 */
export function serve(app: Hono, close: () => Promise<unknown> = async () => undefined): void {
  const server = listen({ fetch: app.fetch, hostname: '127.0.0.1', port: Number(process.env.PORT) }, () =>
    console.log('ready'),
  )
  onSigterm(async () => {
    await new Promise((resolve) => server.close(resolve))
    await close()
  })
}
