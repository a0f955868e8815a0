/**
 * pg-boss at its best: requests that come while jobs are being inserted share the next `insert`, which its documentation
 * recommends for many jobs: https://pgboss.io/api/jobs
 */
import { Hono } from 'hono'
import { queueName, startBoss } from './pg-boss-queue.ts'
import { createRequestGroup } from './request-group.ts'
import { serve } from './serve.ts'

const connections = 4

const boss = await startBoss(process.env.DATABASE_URL!, connections)
const jobs = createRequestGroup<object>({
  connections,
  commit: (events) =>
    boss.insert(
      queueName,
      events.map((data) => ({ data })),
    ),
})
const app = new Hono()

app.post('/webhooks/vss', async (c) => {
  await jobs.submit(await c.req.json())
  return c.json({ ok: true })
})

serve(app, () => boss.stop())
