/**
 * Keeps a table of bills in another database, one row a session.
 *
 *   DATABASE_URL=postgres://... BILLING_DATABASE_URL=postgres://... npx node examples/bill.ts
 *
 * Ctrl-C ends it. It may be killed at any moment: the next start goes on where the last commit was.
 */
import { type Change, follow } from '@vss-pipeline/reader'
import pg from 'pg'

const { DATABASE_URL: databaseUrl, BILLING_DATABASE_URL: billingUrl } = process.env
if (!databaseUrl || !billingUrl) {
  console.error('DATABASE_URL or BILLING_DATABASE_URL is not set: each takes the URL of a Postgres database')
  process.exit(1)
}

const billing = new pg.Client({ connectionString: billingUrl })
await billing.connect()
await billing.query(
  `CREATE TABLE IF NOT EXISTS bills (
     session_id uuid PRIMARY KEY,
     account text NOT NULL,
     started_at timestamptz NOT NULL,
     legs integer NOT NULL,
     minutes integer NOT NULL
   )`,
)

const stop = new AbortController()
process.once('SIGINT', () => stop.abort())
process.once('SIGTERM', () => stop.abort())

for await (const changes of follow({
  databaseUrl,
  consumer: 'billing',
  signal: stop.signal,
  onAway: ({ message }) => console.error(`the feed is away: ${message}`),
  onBack: () => console.error('the feed is back'),
})) {
  // First the bills, then the cursor: a crash between the two brings the same changes again, and none is missing.
  await billing.query('BEGIN')
  for (const change of changes) await bill(change)
  await billing.query('COMMIT')
  await changes.commit()
  console.log(`${changes.length} sessions billed`)
}
await billing.end()

/** Replaces the bill of a session, so that it may come any number of times. */
async function bill({ sessionId, session, legs }: Change): Promise<void> {
  if (session === null) {
    await billing.query('DELETE FROM bills WHERE session_id = $1', [sessionId])
    return
  }
  const minutes = Math.ceil((session.talkSeconds ?? 0) / 60)
  await billing.query(
    `INSERT INTO bills (session_id, account, started_at, legs, minutes) VALUES ($1, $2, $3, $4, $5)
     ON CONFLICT (session_id) DO UPDATE SET account = excluded.account, started_at = excluded.started_at,
       legs = excluded.legs, minutes = excluded.minutes`,
    [sessionId, session.subAccountId, session.startedAt, legs.length, minutes],
  )
}
