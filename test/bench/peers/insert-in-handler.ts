/**
 * A handler without a queue: it validates, enriches and stores in one transaction before it answers. The transaction is
 * written as in node-postgres' documentation: https://node-postgres.com/features/transactions
 */
import { Hono } from 'hono'
import { Pool } from 'pg'
import { serve } from './serve.ts'
import { storeEvent } from './store-event.ts'

const connections = 20

const pool = new Pool({ connectionString: process.env.DATABASE_URL, max: connections })
const app = new Hono()

app.post('/webhooks/vss', async (c) => {
  await storeEvent(pool, new Uint8Array(await c.req.arrayBuffer()))
  return c.json({ ok: true })
})

serve(app, () => pool.end())
