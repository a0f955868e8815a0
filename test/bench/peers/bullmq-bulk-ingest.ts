/**
 * BullMQ at its best: requests that come while jobs are being added share the next `addBulk`, as its documentation
 * has it for many jobs: https://docs.bullmq.io/guide/queues/adding-bulks
 *
 * A job holds the body as text: parsing it here and writing it as JSON again costs more than its quotes do.
 */
import { createGroupCommit } from '@vss-pipeline/runtime'
import { Hono } from 'hono'
import { openQueue } from './bullmq-queue.ts'
import { serve } from './serve.ts'

const queue = openQueue(process.env.REDIS_URL!)
await queue.waitUntilReady()
const jobs = createGroupCommit<string>({
  async commit(bodies) {
    await queue.addBulk(bodies.map((body) => ({ name: 'event', data: body })))
  },
  sizeOf: (body) => ({ count: 1, bytes: body.length }),
  maxCount: 500,
  maxBytes: 1024 * 1024,
  maxInFlight: 4,
  minCountBeside: 16,
})
const app = new Hono()

app.post('/webhooks/vss', async (c) => {
  await jobs.submit(await c.req.text())
  return c.json({ ok: true })
})

serve(app, () => queue.close())
