/**
 * One pg-boss job a request, as pg-boss' README shows: https://github.com/timgit/pg-boss#readme
 */
import { Hono } from 'hono'
import { queueName, startBoss } from './pg-boss-queue.ts'
import { serve } from './serve.ts'

const connections = 20

const boss = await startBoss(process.env.DATABASE_URL!, connections)
const app = new Hono()

app.post('/webhooks/vss', async (c) => {
  await boss.send(queueName, await c.req.json())
  return c.json({ ok: true })
})

serve(app, () => boss.stop())
