/**
 * BullMQ at its best: a job a request, with the body as text for its data. A body that is parsed and written as JSON
 * again costs more than the quoting of the text. Requests that shared an `addBulk` were slower, because BullMQ sends
 * single adds in one pipeline anyway, and then no request waits for the group before it.
 */
import { Hono } from 'hono'
import { openQueue } from './bullmq-queue.ts'
import { serve } from './serve.ts'

const queue = openQueue(process.env.REDIS_URL!)
await queue.waitUntilReady()
const app = new Hono()

app.post('/webhooks/vss', async (c) => {
  await queue.add('event', await c.req.text())
  return c.json({ ok: true })
})

serve(app, () => queue.close())
