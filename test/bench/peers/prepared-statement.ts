/**
 * A handler without a queue, with one round trip: it validates, enriches and stores with one prepared statement, as
 * node-postgres' documentation shows them: https://node-postgres.com/features/queries#prepared-statements
 *
 * A single statement sees the database as it was when the statement began. Two simultaneous deliveries of one session
 * can therefore leave legs of both. This is the price of the saved round trips.
 */
import { enrichSession, validateEvent } from '@vss-pipeline/vss'
import { Hono } from 'hono'
import { Pool } from 'pg'
import { serve } from './serve.ts'
import {
  legColumns,
  legValues,
  placeholders,
  sessionValueCount,
  sessionValues,
  upsertSession,
} from './session-rows.ts'

const connections = 20

const pool = new Pool({ connectionString: process.env.DATABASE_URL, max: connections })
const statements = new Map<string, string>()
const app = new Hono()

app.post('/webhooks/vss', async (c) => {
  await store(new Uint8Array(await c.req.arrayBuffer()))
  return c.json({ ok: true })
})

serve(app, () => pool.end())

async function store(body: Uint8Array): Promise<void> {
  const validation = validateEvent(body)
  if (!validation.ok) return
  const session = enrichSession(validation.session, Date.now())
  const legs = session.legs.map((leg) => legValues(session.sessionId, leg))
  const values = [...sessionValues(session, body), session.legs.map(({ leg }) => leg), ...legs.flat()]
  // The text depends on the number of legs, so each number has a statement. Most sessions have two legs.
  const name = `store-with-${legs.length}-legs`
  const text = statements.get(name) ?? statementFor(legs)
  statements.set(name, text)
  await pool.query({ name, text, values })
}

function statementFor(legs: readonly unknown[][]): string {
  const letters = sessionValueCount + 1
  const common = `WITH session AS (${upsertSession}),
    gone AS (DELETE FROM vss.call_legs WHERE session_id = $1 AND leg <> ALL ($${letters}::text[]))`
  if (legs.length === 0) return `${common} SELECT`
  return `${common}
    INSERT INTO vss.call_legs (${legColumns}) VALUES ${placeholders(legs, letters)}
    ON CONFLICT (session_id, leg) DO UPDATE SET ${replaced(legColumns)}`
}

/** `status = excluded.status, …` */
function replaced(columns: string): string {
  return columns
    .split(',')
    .map((column) => column.trim())
    .map((column) => `${column} = excluded.${column}`)
    .join(', ')
}
