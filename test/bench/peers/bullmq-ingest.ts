/**
 * One BullMQ job a request, as BullMQ's quick start shows: https://docs.bullmq.io/readme-1
 */
import { Hono } from 'hono'
import { openQueue } from './bullmq-queue.ts'
import { serve } from './serve.ts'

const queue = openQueue(process.env.REDIS_URL!)
await queue.waitUntilReady()
const app = new Hono()

app.post('/webhooks/vss', async (c) => {
  await queue.add('event', await c.req.json())
  return c.json({ ok: true })
})

serve(app, () => queue.close())
