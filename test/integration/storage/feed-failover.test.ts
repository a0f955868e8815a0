import { readFeedState } from '@vss-pipeline/reader'
import type pg from 'pg'
import { expect, test } from 'vitest'
import { connect } from '../../support/databases.ts'
import {
  beat,
  commit,
  first,
  insertSessions,
  openFeed,
  openFeedWithUrl,
  readChanges,
  readLag,
  second,
  sessionIdOf,
  third,
  useOwnServer,
  writeSession,
} from '../../support/feed-database.ts'
import { openPool } from '../../support/open-storage.ts'

// A server that has gone on to another timeline is shown by a feed that is still on the timeline before. The rows of the
// transactions that a failover loses are deleted. feed-standby.test.ts has a real failover.
useOwnServer()

test('after a failover reading is an error until a worker’s heartbeat, and cursors go back to the last one before', async () => {
  const client = await openFeed()
  await writeSession(client, first)
  expect(await beat(client)).toBe('beat')
  await writeSession(client, second)
  await writeSession(client, third)
  const [kept, , lost] = await readCursors(client)

  await loseTransactions(client, [third])
  for (const use of [readChanges, commitFor('billing')]) {
    await expect(use(client, lost)).rejects.toMatchObject({
      code: 'VF005',
      message: expect.stringMatching(/a worker that runs mends this.*vss feed continue/),
    })
  }
  expect(await beat(client)).toBe('continued')
  expect(await beat(client)).toBe('quiet')

  // `second` came after the heartbeat, so it comes once more.
  expect(await readIds(client, lost)).toEqual([second])
  expect(await readIds(client, kept)).toEqual([second])
  const [next] = await readCursors(client, lost)
  expect(next!.split('.')[1]).not.toBe(lost!.split('.')[1])
  await writeSession(client, first)
  expect(await readIds(client, next)).toEqual([first])
})

test('a change that takes the id of a lost transaction comes to a reader whose cursor is past it', async () => {
  const client = await openFeed()
  await beat(client)
  for (const number of Array(20).keys()) await writeSession(client, sessionIdOf(number))
  const lost = (await readCursors(client)).at(-1)!
  await loseTransactions(client, [...Array(20).keys()].map(sessionIdOf))
  await beat(client)

  // As a server does that was promoted before it knew of them.
  await writeSession(client, third)
  const reused = lost.split('.')[2]!.replace(/^0+/, '')
  await client.query('UPDATE vss.sessions SET change_xid = (($1::bigint - 5)::text)::xid8', [reused])

  expect(await readIds(client, lost)).toEqual([third])
})

test('a transaction that began before a heartbeat and ended after it comes again, and one that ended before does not', async () => {
  const { url, client } = await openFeedWithUrl()
  await writeSession(client, first)
  await beat(client)
  const slow = await connect(url)
  await slow.query('BEGIN')
  await writeSession(slow, second)
  await writeSession(client, third)
  expect(await beat(client)).toBe('beat')
  expect(await beat(client)).toBe('held')
  await slow.query('COMMIT')
  const [, , last] = await readCursors(client)

  await loseTransactions(client, [])
  await beat(client)

  expect(await readIds(client, last)).toEqual([second, third])
})

test('a heartbeat writes nothing while no session changes', async () => {
  const client = await openFeed()
  await writeSession(client, first)
  expect(await beat(client)).toBe('beat')
  const idBefore = await nextTransactionId(client)

  for (const _ of Array(5)) expect(await beat(client)).toBe('quiet')

  expect(await nextTransactionId(client)).toBe(idBefore)
})

test('neither a heartbeat nor a look at the feed’s state reads the whole table of sessions', async () => {
  const { url, client } = await openFeedWithUrl()
  const pool = openPool(url)
  await insertSessions(client, 20_000)
  await client.query('ANALYZE vss.sessions')
  const scans = `SELECT seq_scan AS scans FROM pg_stat_user_tables WHERE relid = 'vss.sessions'::regclass`
  const readScans = async () => {
    await client.query('SELECT pg_stat_force_next_flush()')
    return (await client.query(scans)).rows
  }
  const before = await readScans()

  // Postgres makes plans anew for the first five calls, and may then keep one.
  for (const _ of Array(10)) {
    await beat(client)
    await writeSession(client, first)
    await beat(client)
    await readFeedState(pool)
    await readLag(client)
  }
  for (const _ of Array(10)) expect(await beat(client)).toBe('quiet')

  await pool.query('SELECT pg_stat_force_next_flush()')
  expect(await readScans()).toEqual(before)
})

test('heartbeats of a busy feed stay in one page, without a new entry in the index', async () => {
  const client = await openFeed()
  for (const _ of Array(300)) {
    await writeSession(client, first)
    expect(await beat(client)).toBe('beat')
  }

  await client.query('SELECT pg_stat_force_next_flush()')
  const { rows } = await client.query(
    `SELECT pg_relation_size('vss.feed')::integer AS bytes, n_tup_upd::integer AS updated, n_tup_hot_upd::integer AS hot
     FROM pg_stat_user_tables WHERE relid = 'vss.feed'::regclass`,
  )
  expect(rows).toEqual([{ bytes: 8192, updated: 300, hot: 300 }])
})

test('through several failovers a cursor goes back to the earliest point of those after it', async () => {
  const client = await openFeed()
  for (const sessionId of [first, second, third]) await writeSession(client, sessionId)
  const cursors = [(await readCursors(client)).at(-1)!]
  // The second server has the first feed's heartbeat, and the third one has that of the second feed.
  for (const _ of Array(2)) {
    await loseTransactions(client, [])
    expect(await beat(client)).toBe('continued')
    cursors.push((await readCursors(client)).at(-1)!)
  }
  await writeSession(client, second)

  expect(new Set(cursors.map((cursor) => cursor.split('.')[1])).size).toBe(3)
  // No heartbeat came before the first failover: it goes back to the beginning of the feed.
  expect(await readIds(client, cursors[0])).toEqual([first, third, second])
  for (const cursor of cursors.slice(1)) expect(await readIds(client, cursor)).toEqual([second])
})

test('a heartbeat that a later failover loses takes earlier feeds back with it', async () => {
  const client = await openFeed()
  await writeSession(client, first)
  await beat(client)
  await writeSession(client, second)
  const cursor = (await readCursors(client)).at(-1)!
  await loseTransactions(client, [])
  await beat(client)
  const { rows } = await client.query<{ earlier: string }>(
    `UPDATE vss.feed SET barrier = (SELECT change_xid FROM vss.sessions WHERE session_id = $1)
     RETURNING barrier AS earlier`,
    [first],
  )
  await loseTransactions(client, [])
  await beat(client)

  expect(await readIds(client, cursor)).toEqual([first, second])
  const ancestors = await client.query('SELECT DISTINCT goes_back_to AS earlier FROM vss.feed_ancestors')
  expect(ancestors.rows).toEqual(rows)
})

test('a consumer goes on after a failover with the cursor that it has, and is behind until it has read again', async () => {
  const client = await openFeed()
  await writeSession(client, first)
  await beat(client)
  await writeSession(client, second)
  const [one, two] = (await readCursors(client)) as [string, string]
  await commit(client, 'billing', one)
  await commit(client, 'reports', two)
  await loseTransactions(client, [])
  await beat(client)

  expect(await readLag(client)).toMatchObject([
    { name: 'billing', state: 'behind' },
    { name: 'reports', state: 'behind' },
  ])
  // It had dealt with both, and says so only now. Both places are the same after going back.
  await commit(client, 'billing', two)
  await commit(client, 'reports', two)
  const lag = await readLag(client)
  expect(lag.map(({ cursor }) => cursor.split('.')[1])).not.toContain(two.split('.')[1])
  const [again] = (await readCursors(client, lag[0]!.cursor)) as [string]
  await commit(client, 'billing', again)
  expect(await readLag(client)).toMatchObject([
    { name: 'billing', state: 'up to date' },
    { name: 'reports', state: 'behind' },
  ])

  for (const earlier of [one, two]) {
    await expect(commit(client, 'billing', earlier)).rejects.toMatchObject({ code: 'VF004' })
  }
})

test('a cursor of before a failover may be ahead of the server, one of the present feed may not', async () => {
  const client = await openFeed()
  await writeSession(client, first)
  const [cursor] = (await readCursors(client)) as [string]
  const ahead = (of: string) => of.replace(/\.\d{20}\./, '.00000099999999999999.')
  await loseTransactions(client, [])
  await beat(client)
  const [present] = (await readCursors(client)) as [string]

  expect(await readIds(client, ahead(cursor))).toEqual([first])
  await expect(readChanges(client, ahead(present))).rejects.toMatchObject({ code: 'VF003' })
})

test('rows ahead of the server stop the heartbeat from going on after a failover: the owner must restart', async () => {
  const client = await openFeed()
  await writeSession(client, first)
  const [cursor] = (await readCursors(client)) as [string]
  await loseTransactions(client, [])
  await client.query(`UPDATE vss.sessions SET change_xid = '99999999999999'`)

  expect(await beat(client)).toBe('ahead')
  await client.query('SELECT vss.feed_restart()')
  expect(await readIds(client)).toEqual([first])
  await expect(readChanges(client, cursor)).rejects.toMatchObject({ code: 'VF001' })
})

test('a restart forgets the feeds of before', async () => {
  const client = await openFeed()
  await writeSession(client, first)
  const [cursor] = (await readCursors(client)) as [string]
  await loseTransactions(client, [])
  await beat(client)
  expect(await readIds(client, cursor)).toEqual([first])

  await client.query('SELECT vss.feed_restart()')

  await expect(readChanges(client, cursor)).rejects.toMatchObject({ code: 'VF001' })
})

test('of two workers that beat at once after a failover, one lets the feed go on', async () => {
  const { url, client } = await openFeedWithUrl()
  const others = await Promise.all(Array.from({ length: 4 }, () => connect(url)))
  await loseTransactions(client, [])

  const beats = await Promise.all(others.map(beat))

  expect(beats.filter((outcome) => outcome === 'continued')).toHaveLength(1)
  expect((await client.query('SELECT FROM vss.feed_ancestors')).rowCount).toBe(1)
})

/** Does to the database what a failover does. */
async function loseTransactions(client: pg.Client, sessionIds: string[]): Promise<void> {
  await client.query('DELETE FROM vss.sessions WHERE session_id = ANY ($1)', [sessionIds])
  await client.query('UPDATE vss.feed SET timeline = timeline - 1')
}

function commitFor(consumer: string) {
  return async (client: pg.Client, cursor?: string) => await commit(client, consumer, cursor!)
}

async function readCursors(client: pg.Client, after?: string): Promise<string[]> {
  return (await readChanges(client, after)).map(({ cursor }) => cursor)
}

async function readIds(client: pg.Client, after?: string): Promise<string[]> {
  return (await readChanges(client, after)).map(({ session_id }) => session_id)
}

async function nextTransactionId(client: pg.Client): Promise<string> {
  const { rows } = await client.query<{ next: string }>(
    'SELECT pg_snapshot_xmax(pg_current_snapshot())::text AS next',
  )
  return rows[0]!.next
}
