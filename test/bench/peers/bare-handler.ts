/**
 * A handler that reads the body and answers 200, as Hono's documentation shows it. No ingest on this server can be
 * faster. https://hono.dev/docs/getting-started/nodejs
 */
import { Hono } from 'hono'
import { serve } from './serve.ts'

const app = new Hono()

app.post('/webhooks/vss', async (c) => {
  await c.req.arrayBuffer()
  return c.json({ ok: true })
})

serve(app)
