import { until } from '@vss-pipeline/local-stack'
import type pg from 'pg'
import { expect, test } from 'vitest'
import { connect } from '../../support/databases.ts'
import { beat, commit, readChanges, readLag, sessionIdOf, writeSession } from '../../support/feed-database.ts'
import { startArchivedServer, startPrimaryWithStandbys } from '../../support/standby.ts'

/** A reader's copy: the revision of each session. */
type Copy = Map<string, number>

test('after a failover that lost transactions, whose ids go to others, readers get all that the new primary has', async () => {
  const primary = await startPrimaryWithStandbys(2)
  const [next, follower] = primary.standbys as [(typeof primary.standbys)[0], (typeof primary.standbys)[0]]
  const before = await connectUntilKilled(primary.url)
  const copy: Copy = new Map()

  for (const number of Array(20).keys()) await writeSession(before, sessionIdOf(number))
  expect(await beat(before)).toBe('beat')
  await writeSession(before, sessionIdOf(0))
  await writeSession(before, sessionIdOf(20))
  let cursor = await follow(before, copy)
  await commit(before, 'billing', cursor)
  for (const standby of primary.standbys) await standby.catchUp()
  for (const standby of primary.standbys) standby.isolate()

  // These are lost: sessions, corrections and heartbeats that a reader of the primary has seen.
  for (const number of Array(20).keys()) {
    await writeSession(before, sessionIdOf(number * 2))
    await beat(before)
  }
  cursor = await follow(before, copy, cursor)
  await primary.kill()
  await next.promote()
  const after = await connect(next.url)
  follower.follow(next.url)
  const reading = await connect(follower.url)

  // Writers come before a worker gives the first heartbeat. They get the ids of the lost transactions.
  for (const number of Array(10).keys()) await writeSession(after, sessionIdOf(number + 10))
  const reused = await after.query<{ count: number }>(
    'SELECT count(*)::integer FROM vss.sessions WHERE change_xid < $1::text::xid8 AND change_xid > $2::text::xid8',
    [idOf(cursor), idOf((await readStoredCursor(after)) ?? '')],
  )
  expect(reused.rows).toEqual([{ count: 10 }])
  await expect(readChanges(after, cursor)).rejects.toMatchObject({ code: 'VF005' })
  expect(await beat(after)).toBe('continued')

  const seen: Copy = new Map()
  await follow(after, seen, cursor)
  // The sessions of before the surviving heartbeat do not come again.
  expect(seen.size).toBe(12)
  const present = await readSessions(after)
  const copied = Object.fromEntries([...copy, ...seen])
  expect(Object.keys(copied)).toEqual(expect.arrayContaining(Object.keys(present)))
  expect(present).toMatchObject(Object.fromEntries(seen))
  // A lost change stays in the copy of a reader who had seen it: the server knows nothing of it any more.
  const lost = Object.keys(present).filter((id) => copied[id] !== present[id])
  expect(lost.toSorted()).toEqual([2, 4, 6, 8].map(sessionIdOf))
  expect(await readLag(after)).toMatchObject([{ name: 'billing', state: 'behind' }])
  const ofBilling: Copy = new Map()
  await commit(after, 'billing', await follow(after, ofBilling, await readStoredCursor(after)))
  expect(ofBilling).toEqual(seen)

  // A standby of the new primary knows of the timeline by the row alone, until its next restartpoint.
  await follower.catchUp()
  const onStandby: Copy = new Map()
  await follow(reading, onStandby, cursor)
  expect(onStandby).toEqual(seen)
  expect(await beat(reading)).toBe('standby')
}, 60_000)

test('after a recovery to a point in time a reader of later changes goes back, and gets all that come after it', async () => {
  const server = await startArchivedServer()
  const before = await connectUntilKilled(server.url)
  const copy: Copy = new Map()
  await writeSession(before, sessionIdOf(0))
  await beat(before)
  await writeSession(before, sessionIdOf(1))
  const { rows } = await before.query<{ lsn: string }>('SELECT pg_current_wal_lsn()::text AS lsn')
  for (const number of Array(10).keys()) {
    await writeSession(before, sessionIdOf(number + 2))
    await beat(before)
  }
  const cursor = await follow(before, copy)

  const after = await connect(await server.recoverTo(rows[0]!.lsn))
  for (const number of Array(5).keys()) await writeSession(after, sessionIdOf(number + 20))
  await expect(readChanges(after, cursor)).rejects.toMatchObject({ code: 'VF005' })
  expect(await beat(after)).toBe('continued')

  const seen: Copy = new Map()
  await follow(after, seen, cursor)
  expect([...seen.keys()]).toEqual([1, 20, 21, 22, 23, 24].map(sessionIdOf))
}, 60_000)

/** Reads page after page into the copy. @returns the last cursor. */
async function follow(client: pg.Client, copy: Copy, after?: string): Promise<string> {
  await until('A feed that nobody holds', () => isWholeFeedShown(client), { timeoutMs: 10_000 })
  let cursor = after
  for (let page = await readChanges(client, cursor, 7); page.length > 0; ) {
    for (const { session_id, revision } of page) copy.set(session_id, revision)
    cursor = page.at(-1)!.cursor
    page = await readChanges(client, cursor, 7)
  }
  return cursor!
}

/** Autovacuum may hold the feed for a moment. */
async function isWholeFeedShown(client: pg.Client): Promise<boolean> {
  const { rows } = await client.query<{ isShown: boolean }>(
    `SELECT NOT EXISTS (
       SELECT FROM vss.sessions WHERE change_xid >= pg_snapshot_xmin(pg_current_snapshot())
     ) AS "isShown"`,
  )
  return rows[0]!.isShown
}

async function readSessions(client: pg.Client): Promise<Record<string, number>> {
  const { rows } = await client.query<{ id: string; revision: number }>(
    'SELECT session_id AS id, revision FROM vss.sessions',
  )
  return Object.fromEntries(rows.map(({ id, revision }) => [id, revision]))
}

async function readStoredCursor(client: pg.Client): Promise<string | undefined> {
  const { rows } = await client.query<{ cursor: string }>(
    `SELECT cursor FROM vss.consumers WHERE name = 'billing'`,
  )
  return rows[0]?.cursor
}

function idOf(cursor: string): string {
  return BigInt(cursor.split('.')[2] ?? '').toString()
}

async function connectUntilKilled(url: string): Promise<pg.Client> {
  const client = await connect(url)
  client.on('error', () => {})
  return client
}
