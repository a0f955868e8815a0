import { setTimeout as sleep } from 'node:timers/promises'
import fc from 'fast-check'
import pg from 'pg'
import { expect, test } from 'vitest'
import { openStorage } from '../../support/open-storage.ts'

const ends = [
  'commit',
  'rollback',
  'commit after a savepoint',
  'commit after a rollback to a savepoint',
  'commit of a prepared transaction',
  'rollback of a prepared transaction',
] as const

interface Transaction {
  /** Places in the list of sessions, of which each is inserted or corrected. */
  sessions: number[]
  delayMs: number
  end: (typeof ends)[number]
}

/** A reader runs for so many pages. Then it is gone, perhaps before it committed the cursor of its last page. */
interface Life {
  pages: number
  maxRows: number
  commitsLastPage: boolean
}

const transactions = fc.array(
  fc.record<Transaction>({
    sessions: fc.uniqueArray(fc.nat({ max: 11 }), { minLength: 1, maxLength: 4 }),
    delayMs: fc.nat({ max: 20 }),
    end: fc.constantFrom(...ends),
  }),
  { minLength: 5, maxLength: 20 },
)
const lives = fc
  .array(
    fc.record<Life>({
      pages: fc.integer({ min: 1, max: 8 }),
      maxRows: fc.integer({ min: 1, max: 6 }),
      commitsLastPage: fc.boolean(),
    }),
    { maxLength: 10 },
  )
  // One of them commits a page, or none would ever come to the end.
  .map((some): Life[] => [...some, { pages: 2, maxRows: 6, commitsLastPage: true }])

test('readers that come and go get every committed change, in order, whatever writers do at the same time', async () => {
  const { url, pool } = await openStorage()
  let delivered = 0

  await fc.assert(
    fc.asyncProperty(fc.array(transactions, { minLength: 4, maxLength: 4 }), lives, async (plans, lives) => {
      await pool.query('TRUNCATE vss.sessions CASCADE')
      await pool.query('TRUNCATE vss.consumers')
      let areWriting = true
      const writing = Promise.all(plans.map((plan, writer) => write(url, writer, plan))).finally(() => {
        areWriting = false
      })

      const copy = new Map<string, Copied>()
      for (let number = 0, isDone = false; !isDone; number++) {
        isDone = await live(url, lives[number % lives.length]!, copy, () => areWriting)
      }
      await writing

      expect(Object.fromEntries(copy)).toEqual(await readSessions(pool))
      delivered += copy.size
    }),
    { numRuns: 12, endOnFailure: true },
  )
  expect(delivered).toBeGreaterThan(12)
}, 60_000)

/** A session as a reader keeps it: `note` is the writer and the number of its transaction, `legs` those of the note. */
interface Copied {
  revision: number
  note: string
  legs: string[]
}

async function write(url: string, writer: number, plan: Transaction[]): Promise<void> {
  await withClient(url, async (client) => {
    for (const [number, { sessions, delayMs, end }] of plan.entries()) {
      const note = `${writer}:${number}`
      // In one order, so that writers wait for each other and never deadlock.
      const places = sessions.toSorted((one, other) => one - other)
      const last = places.at(-1)!
      await client.query('BEGIN')
      if (end === 'commit after a rollback to a savepoint') {
        for (const place of places.slice(0, -1)) await writeSession(client, place, note)
        await client.query('SAVEPOINT before_last')
        await writeSession(client, last, 'rolled back')
        await client.query('ROLLBACK TO before_last')
      } else if (end === 'commit after a savepoint') {
        await client.query('SAVEPOINT before_all')
        for (const place of places) await writeSession(client, place, note)
      } else {
        for (const place of places) await writeSession(client, place, note)
      }
      if (end.endsWith('prepared transaction')) {
        // Each writer has one at a time, and the server of the tests room for five.
        const name = `'feed ${new URL(url).pathname} ${writer}'`
        await client.query(`PREPARE TRANSACTION ${name}`)
        await sleep(delayMs)
        await client.query(`${end.startsWith('commit') ? 'COMMIT' : 'ROLLBACK'} PREPARED ${name}`)
      } else {
        await sleep(delayMs)
        await client.query(end === 'rollback' ? 'ROLLBACK' : 'COMMIT')
      }
    }
  })
}

async function writeSession(client: pg.Client, place: number, note: string): Promise<void> {
  const sessionId = `00000000-0000-4000-8000-${place.toString(16).padStart(12, '0')}`
  await client.query(
    `INSERT INTO vss.sessions AS known (session_id, client_request_id, sub_account_id, status, started_at, ended_at,
       answered, anomalies, revision, delivery_id, received_at, body_sha256, processed_at, pipeline_version)
     VALUES ($1, $2, 'account', 'COMPLETED', now(), now(), true, '{}', 1, $1, now(), sha256(''), now(), 'test')
     ON CONFLICT (session_id) DO UPDATE
     SET client_request_id = excluded.client_request_id, revision = known.revision + 1,
       change_xid = pg_current_xact_id()`,
    [sessionId, note],
  )
  await client.query('DELETE FROM vss.call_legs WHERE session_id = $1', [sessionId])
  await client.query(
    `INSERT INTO vss.call_legs (session_id, leg, status) VALUES ($1, 'A', $2), ($1, 'B', $2)`,
    [sessionId, note],
  )
}

/** Reads page after page into the copy. @returns whether it saw the end of the feed after the writers had ended. */
async function live(
  url: string,
  { pages, maxRows, commitsLastPage }: Life,
  copy: Map<string, Copied>,
  areWriting: () => boolean,
): Promise<boolean> {
  return await withClient(url, async (client) => {
    let cursor: string | undefined
    const lastOfWriter = new Map<string, number>()
    for (let page = 1; page <= pages; page++) {
      const isAfterWriting = !areWriting()
      const { rows } = await client.query<Copied & { cursor: string; session_id: string; changed: number }>(
        `SELECT change.cursor, session_id, change.revision AS changed, session.revision,
           session.client_request_id AS note,
           array(SELECT leg || status FROM vss.call_legs WHERE call_legs.session_id = session.session_id ORDER BY 1) AS legs
         FROM vss.changes(coalesce($1, (SELECT cursor FROM vss.consumers WHERE name = 'test')), $2) AS change
         JOIN vss.sessions AS session USING (session_id)
         ORDER BY change.cursor`,
        [cursor, maxRows],
      )
      // The barrier of another file's transaction may hold the last changes back.
      if (rows.length === 0 && isAfterWriting && (await isUpToDate(client, cursor))) return true
      for (const { cursor: at, session_id, changed, ...session } of rows) {
        expect(cursor === undefined || at > cursor).toBe(true)
        expect(session).toMatchObject({
          revision: changed,
          legs: [`A${session.note}`, `B${session.note}`],
        })
        const [writer, number] = session.note.split(':') as [string, string]
        expect(Number(number)).toBeGreaterThanOrEqual(lastOfWriter.get(writer) ?? 0)
        lastOfWriter.set(writer, Number(number))
        copy.set(session_id, session)
        cursor = at
      }
      const isKilled = page === pages && !commitsLastPage
      if (rows.length > 0 && !isKilled) await client.query('SELECT vss.commit($1, $2)', ['test', cursor])
    }
    return false
  })
}

async function isUpToDate(client: pg.Client, cursor: string | undefined): Promise<boolean> {
  const { rows } = await client.query<{ isUpToDate: boolean }>(
    `SELECT CASE WHEN cursor IS NULL THEN NOT EXISTS (SELECT FROM vss.sessions)
       ELSE (vss.oldest_unread(cursor)).state = 'up to date' END AS "isUpToDate"
     FROM (SELECT coalesce($1, (SELECT cursor FROM vss.consumers WHERE name = 'test'))) AS reader (cursor)`,
    [cursor],
  )
  return rows[0]!.isUpToDate
}

async function readSessions(pool: { query: pg.Pool['query'] }): Promise<Record<string, Copied>> {
  const { rows } = await pool.query<Copied & { session_id: string }>(
    `SELECT session_id, revision, client_request_id AS note,
       array(SELECT leg || status FROM vss.call_legs WHERE call_legs.session_id = session.session_id ORDER BY 1) AS legs
     FROM vss.sessions AS session`,
  )
  return Object.fromEntries(rows.map(({ session_id, ...session }) => [session_id, session]))
}

async function withClient<Result>(url: string, use: (client: pg.Client) => Promise<Result>): Promise<Result> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    return await use(client)
  } finally {
    await client.end()
  }
}
