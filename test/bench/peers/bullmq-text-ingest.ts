/**
 * BullMQ at its best: a job a request, whose data is the body as text. Parsing it here and writing it as JSON again
 * costs more than its quotes do. Requests that shared an `addBulk` were slower: BullMQ sends single adds in one
 * pipeline anyway, and nobody waits for a turn.
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
