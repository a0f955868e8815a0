/**
 * pg-boss at its best: requests that come while jobs are being inserted share the next `insert`, as its
 * documentation has it for many jobs: https://pgboss.io/api/jobs
 */
import { createGroupCommit } from '@vss-pipeline/runtime'
import { Hono } from 'hono'
import { queueName, startBoss } from './pg-boss-queue.ts'
import { serve } from './serve.ts'

const connections = 4

const boss = await startBoss(process.env.DATABASE_URL!, connections)
const jobs = createGroupCommit<object>({
  async commit(events) {
    await boss.insert(
      queueName,
      events.map((data) => ({ data })),
    )
  },
  sizeOf: () => ({ count: 1, bytes: 0 }),
  maxCount: 500,
  maxBytes: Number.POSITIVE_INFINITY,
  maxInFlight: connections,
  minCountBeside: 16,
})
const app = new Hono()

app.post('/webhooks/vss', async (c) => {
  await jobs.submit(await c.req.json())
  return c.json({ ok: true })
})

serve(app, () => boss.stop())
