/**
 * The least program that stores calls: a handler that takes the obvious values as they were sent, checks nothing, adds
 * nothing and keeps no legs. It runs one prepared statement on a table of its own.
 */
import { Hono } from 'hono'
import { Pool } from 'pg'
import { serve } from './serve.ts'

const connections = 20

interface Leg {
  source?: string
  destination?: string
}

interface Event {
  payload: {
    sessionId: string
    subAccountId: string
    sessionStatus: string
    startTime: string
    endTime: string
    clientRequestId?: string
    details?: { callA?: Leg; callB?: Leg }
  }
}

const pool = new Pool({ connectionString: process.env.DATABASE_URL, max: connections })
await pool.query(`
  CREATE SCHEMA IF NOT EXISTS lean;
  CREATE TABLE IF NOT EXISTS lean.sessions (
    session_id uuid PRIMARY KEY,
    sub_account_id text,
    status text,
    started_at timestamptz,
    ended_at timestamptz,
    client_request_id text,
    source text,
    destination text
  )`)
const app = new Hono()

app.post('/webhooks/vss', async (c) => {
  const { payload } = await c.req.json<Event>()
  const { callA, callB } = payload.details ?? {}
  await pool.query({
    name: 'store',
    text: `INSERT INTO lean.sessions VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
      ON CONFLICT (session_id) DO UPDATE SET (
        sub_account_id, status, started_at, ended_at, client_request_id, source, destination
      ) = ROW (
        excluded.sub_account_id, excluded.status, excluded.started_at, excluded.ended_at,
        excluded.client_request_id, excluded.source, excluded.destination
      )`,
    values: [
      payload.sessionId,
      payload.subAccountId,
      payload.sessionStatus,
      payload.startTime,
      payload.endTime,
      payload.clientRequestId,
      callA?.source,
      (callB ?? callA)?.destination,
    ],
  })
  return c.json({ ok: true })
})

serve(app, () => pool.end())
