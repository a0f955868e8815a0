/**
 * One graphile-worker job a request, added with the shared WorkerUtils that its documentation recommends:
 * https://worker.graphile.org/docs/library/queue
 */
import { makeWorkerUtils } from 'graphile-worker'
import { Hono } from 'hono'
import { serve } from './serve.ts'

const connections = 20

const workerUtils = await makeWorkerUtils({
  connectionString: process.env.DATABASE_URL!,
  maxPoolSize: connections,
})
await workerUtils.migrate()
const app = new Hono()

app.post('/webhooks/vss', async (c) => {
  await workerUtils.addJob('event', await c.req.json())
  return c.json({ ok: true })
})

serve(app, async () => workerUtils.release())
