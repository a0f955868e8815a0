/**
 * graphile-worker at its best: requests that come while a job is being added share the next one. Its payload is an
 * array, as for the batch jobs of the documentation: https://worker.graphile.org/docs/jobs#batch-jobs
 */
import { makeWorkerUtils } from 'graphile-worker'
import { Hono } from 'hono'
import { createRequestGroup } from './request-group.ts'
import { serve } from './serve.ts'

const connections = 4

const workerUtils = await makeWorkerUtils({
  connectionString: process.env.DATABASE_URL!,
  maxPoolSize: connections,
})
await workerUtils.migrate()
const jobs = createRequestGroup<unknown>({
  connections,
  commit: (events) => workerUtils.addJob('events', events),
})
const app = new Hono()

app.post('/webhooks/vss', async (c) => {
  await jobs.submit(await c.req.json())
  return c.json({ ok: true })
})

serve(app, async () => workerUtils.release())
