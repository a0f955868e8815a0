import { createWriter } from '@vss-pipeline/storage'
import { migrate } from '@vss-pipeline/storage/migrate'
import { expect, onTestFinished, test } from 'vitest'
import { connect, createEmptyDatabase } from '../../support/databases.ts'
import { fillEarlier, migrateToEarlier, writeAsEarlier } from '../../support/earlier-schema.ts'
import { delivery, session } from '../../support/entries.ts'
import {
  type Change,
  first,
  insertSession,
  openFeed,
  openFeedWithUrl,
  ownServerUrl,
  readChanges,
  second,
  sessionIdOf,
  third,
  useOwnServer,
  writeSession,
} from '../../support/feed-database.ts'
import { openPool } from '../../support/open-storage.ts'
import { waitingBackends } from './locks.ts'

useOwnServer()

test('changes come in the order of their transactions, each with the session’s present revision', async () => {
  const client = await openFeed()
  await writeSession(client, third)
  await writeSession(client, first)
  await writeSession(client, second)
  await writeSession(client, third)

  const changes = await readChanges(client)

  expect(changes.map(({ session_id, revision }) => [session_id, revision])).toEqual([
    [first, 1],
    [second, 1],
    [third, 2],
  ])
  expect(changes.every(({ kind }) => kind === 'session')).toBe(true)
  expect(changes.map(({ cursor }) => cursor).toSorted()).toEqual(changes.map(({ cursor }) => cursor))
  const { rows } = await client.query('SELECT processed_at FROM vss.sessions ORDER BY change_xid')
  expect(changes.map(({ changed_at }) => changed_at)).toEqual(rows.map(({ processed_at }) => processed_at))
})

test('pages of any length show each change once, also the many of one transaction', async () => {
  const client = await openFeed()
  await client.query('BEGIN')
  for (const number of Array(10).keys()) await insertSession(client, sessionIdOf(number))
  await client.query('COMMIT')
  const all = await readChanges(client)

  for (const maxRows of [1, 3, 10, 11]) {
    const paged: Change[] = []
    for (let page = await readChanges(client, undefined, maxRows); page.length > 0; ) {
      expect(page.length).toBeLessThanOrEqual(maxRows)
      paged.push(...page)
      page = await readChanges(client, page.at(-1)!.cursor, maxRows)
    }
    expect(paged).toEqual(all)
  }
  expect(all).toHaveLength(10)
})

test('the same content delivered again is no change; other content is one', async () => {
  const { url, client } = await openFeedWithUrl()
  const writer = createWriter({ pool: openPool(url), pipelineVersion: 'test' })
  const content = session()
  const now = Date.now()
  await writer.write([delivery(content, { receivedAtMs: now })])
  const [change] = await readChanges(client)

  await writer.write([delivery(content, { receivedAtMs: now + 1 })])
  expect(await readChanges(client, change!.cursor)).toEqual([])

  await writer.write([delivery({ ...content, callCount: 7 }, { receivedAtMs: now + 2 })])
  expect(await readChanges(client, change!.cursor)).toMatchObject([
    { session_id: content.sessionId, revision: 2 },
  ])
})

test('sessions from before the migration come once, and first', async () => {
  const { url, drop } = await createEmptyDatabase(ownServerUrl())
  onTestFinished(drop)
  const client = await connect(url)
  await migrateToEarlier(client, 4)
  await fillEarlier(client, 100)
  await migrate({ databaseUrl: url })
  await writeAsEarlier(client, 'ffffffff-0000-4000-8000-000000000000')
  await writeAsEarlier(client, first)

  const changes = await readChanges(client)

  expect(new Set(changes.map(({ session_id }) => session_id)).size).toBe(101)
  expect(changes).toHaveLength(101)
  expect(changes.slice(-2)).toMatchObject([
    { session_id: 'ffffffff-0000-4000-8000-000000000000', revision: 1 },
    { session_id: first, revision: 2 },
  ])
})

// The interleaving: the statement takes its snapshot and waits; a session is committed; the function reads. A VOLATILE
// function takes a snapshot of its own, so it shows the session, and the join of the older snapshot has no row for it.
test.each([
  ['STABLE', 'waits for the next read'],
  ['VOLATILE', 'is lost'],
])('with a function that is %s, a session committed during a read %s', async (volatility) => {
  const { url, client } = await openFeedWithUrl()
  await client.query(`ALTER FUNCTION vss.changes ${volatility}`)
  await writeSession(client, first)
  const gate = await connect(url)
  await gate.query('BEGIN')
  await gate.query('SELECT pg_advisory_xact_lock(1)')
  const reader = await connect(url)
  const reading = reader.query<{ cursor: string; session_id: string; status: string | null }>(
    `WITH gate AS MATERIALIZED (SELECT pg_advisory_xact_lock_shared(1)::text AS passed)
     SELECT cursor, session_id, status
     FROM gate
     CROSS JOIN LATERAL vss.changes(CASE WHEN passed <> '' THEN passed END)
     LEFT JOIN vss.sessions USING (session_id)
     ORDER BY cursor`,
  )
  await waitingBackends(gate, 1)
  await writeSession(client, second)
  await gate.query('ROLLBACK')

  const { rows } = await reading
  const next = await readChanges(client, rows.at(-1)!.cursor)
  const joined = rows.map(({ session_id, status }) => [session_id, status])
  if (volatility === 'STABLE') {
    expect(joined).toEqual([[first, 'COMPLETED']])
    expect(next.map(({ session_id }) => session_id)).toEqual([second])
  } else {
    expect(joined).toEqual([
      [first, 'COMPLETED'],
      [second, null],
    ])
    expect(next).toEqual([])
  }
})

test.each([[0], [-1], [100_001], [null]])('max_rows %s is refused', async (maxRows) => {
  const client = await openFeed()

  await expect(client.query('SELECT FROM vss.changes(NULL, $1)', [maxRows])).rejects.toMatchObject({
    code: '22023',
    message: `max_rows is ${maxRows ?? 'NULL'}: give 1 to 100000`,
  })
})

test('a transaction that changed a session itself may read the feed', async () => {
  const client = await openFeed()
  await writeSession(client, first)
  await client.query('BEGIN')
  await insertSession(client, second)

  expect((await readChanges(client)).map(({ session_id }) => session_id)).toEqual([first])
  await client.query('ROLLBACK')
})
