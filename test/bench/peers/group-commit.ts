/**
 * A handler without a queue, at its best: requests that come while a transaction is on its way share the next one, and
 * each is answered when its rows are committed. Validation, enrichment, grouping and statements are the pipeline's.
 *
 * Four transactions at once, each of at least eight events, were the fastest here. A second process behind the same port
 * made the groups smaller and gained nothing.
 */
import { Hono } from 'hono'
import { Pool } from 'pg'
import { serve } from './serve.ts'
import { createGroupStore } from './store-events.ts'

const atOnce = 4

const pool = new Pool({ connectionString: process.env.DATABASE_URL, max: atOnce })
const store = createGroupStore(pool, { atOnce, minCountBeside: 8 })
const app = new Hono()

app.post('/webhooks/vss', async (c) => {
  await store.submit(new Uint8Array(await c.req.arrayBuffer()))
  return c.json({ ok: true })
})

serve(app, () => pool.end())
