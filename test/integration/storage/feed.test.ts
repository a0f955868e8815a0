import { join } from 'node:path'
import { createTemporaryFolder, until } from '@vss-pipeline/local-stack'
import { createWriter } from '@vss-pipeline/storage'
import { migrate } from '@vss-pipeline/storage/migrate'
import type pg from 'pg'
import { beforeAll, expect, onTestFinished, test } from 'vitest'
import { connect, createEmptyDatabase, createTestDatabase, rowsOf } from '../../support/databases.ts'
import { fillEarlier, migrateToEarlier, writeAsEarlier } from '../../support/earlier-schema.ts'
import { delivery, session } from '../../support/entries.ts'
import { openPool } from '../../support/open-storage.ts'
import { startTestPostgres } from '../../support/servers/postgres.ts'
import { waitingBackends } from './locks.ts'

/** Only this file uses the server: the transactions of other files would hold the feed back. */
let serverUrl: string

beforeAll(async () => {
  const folder = await createTemporaryFolder()
  const server = await startTestPostgres(join(folder.path, 'postgres'))
  serverUrl = server.url
  return async () => {
    await server.stop()
    await folder.remove()
  }
})

const [first, second, third] = [1, 2, 3].map((number) => `00000000-0000-4000-8000-00000000000${number}`) as [
  string,
  string,
  string,
]

interface Change {
  cursor: string
  kind: string
  session_id: string
  revision: number
  changed_at: Date
}

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
  const { url, drop } = await createEmptyDatabase(serverUrl)
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

test('a change waits until every transaction that began to write before it has ended', async () => {
  const { url, client } = await openFeedWithUrl()
  const slow = await connect(url)
  await slow.query('BEGIN')
  await insertSession(slow, first)
  await writeSession(client, second)

  expect(await readChanges(client)).toEqual([])

  await slow.query('COMMIT')
  expect((await readChanges(client)).map(({ session_id }) => session_id)).toEqual([first, second])
})

test('vss.feed_status names the connection that holds the feed, also one of another database', async () => {
  const { url, client } = await openFeedWithUrl()
  const other = await createEmptyDatabase(serverUrl)
  onTestFinished(other.drop)
  expect(await readStatus(client)).toMatchObject({ holder: 'nobody', age: null, pid: null })

  for (const [databaseUrl, statement] of [
    [url, `SELECT vss.commit('slow', NULL, true), pg_current_xact_id()`],
    [other.url, 'CREATE TABLE mine ()'],
  ] as const) {
    const slow = await connect(databaseUrl)
    await slow.query(`SET application_name = 'slow report'; BEGIN; ${statement}`)
    const { rows } = await slow.query<{ pid: number; since: Date }>(
      'SELECT pg_backend_pid() AS pid, now() AS since',
    )
    const written = await writeSession(client, first)

    expect(await readStatus(client)).toMatchObject({
      holder: 'connection',
      ...rows[0],
      database_name: new URL(databaseUrl).pathname.slice(1),
      application_name: 'slow report',
      prepared_name: null,
      isOld: true,
    })
    expect(await readRevisions(client)).not.toContainEqual([first, written])

    await slow.query('ROLLBACK')
    expect(await readRevisions(client)).toContainEqual([first, written])
  }
})

test('vss.feed_status names a prepared transaction that holds the feed', async () => {
  const { url, client } = await openFeedWithUrl()
  const preparing = await connect(url)
  await preparing.query('BEGIN')
  await insertSession(preparing, first)
  await preparing.query(`PREPARE TRANSACTION 'forgotten'`)
  await writeSession(client, second)

  expect(await readStatus(client)).toMatchObject({
    holder: 'prepared transaction',
    prepared_name: 'forgotten',
    pid: null,
    database_name: new URL(url).pathname.slice(1),
    isOld: true,
  })
  expect(await readChanges(client)).toEqual([])

  await client.query(`COMMIT PREPARED 'forgotten'`)
  expect((await readChanges(client)).map(({ session_id }) => session_id)).toEqual([first, second])
  expect(await readStatus(client)).toMatchObject({ holder: 'nobody' })
})

test('an owner without pg_read_all_stats sees the connection that holds the feed, but not since when', async () => {
  const { url, drop } = await createEmptyDatabase(serverUrl)
  await rowsOf(serverUrl, `CREATE ROLE plain LOGIN PASSWORD 'plain'`)
  onTestFinished(async () => {
    await drop()
    await rowsOf(serverUrl, 'DROP ROLE plain')
  })
  const admin = await connect(url)
  await admin.query('CREATE SCHEMA vss AUTHORIZATION plain')
  const ownerUrl = Object.assign(new URL(url), { username: 'plain', password: 'plain' }).href
  await migrate({ databaseUrl: ownerUrl })
  const owner = await connect(ownerUrl)
  const slow = await connect(url)
  await slow.query('BEGIN; SELECT pg_current_xact_id()')
  const { rows } = await slow.query<{ pid: number }>('SELECT pg_backend_pid() AS pid')

  expect(await readStatus(owner)).toMatchObject({ holder: 'connection', ...rows[0], age: null, since: null })
  await admin.query('GRANT pg_read_all_stats TO plain')
  expect(await readStatus(owner)).toMatchObject({ holder: 'connection', ...rows[0], isOld: true })
})

test.each([
  ['an empty text', () => ''],
  ['a word', () => 'beginning'],
  ['a number', () => '42'],
  ['a later version', (cursor: string) => cursor.replace('1.', '2.')],
  ['a part too few', (cursor: string) => cursor.slice(0, cursor.lastIndexOf('.'))],
  ['a part too many', (cursor: string) => `${cursor}.1`],
  ['a cut session id', (cursor: string) => cursor.slice(0, -1)],
  ['a line end', (cursor: string) => `${cursor}\n`],
  [
    'upper case',
    (cursor: string) => cursor.toUpperCase().replace('00000000-0000-4000', '0000000A-0000-4000'),
  ],
  ['an id without its zeros', (cursor: string) => cursor.replace(/\.0+/, '.')],
  ['an id above 64 bits', (cursor: string) => cursor.replace(/\.\d{20}\./, '.18446744073709551616.')],
  ['SQL', () => `' OR true --`],
])('%s is no cursor: it is refused, and the error says what to give', async (_, malformed) => {
  const client = await openFeed()
  await writeSession(client, first)
  const [change] = await readChanges(client)
  const cursor = malformed(change!.cursor)

  for (const use of [readChanges, commitForBilling]) {
    await expect(use(client, cursor)).rejects.toMatchObject({
      code: '22023',
      message: `"${cursor}" is no cursor of vss.changes: give one as it was returned, or NULL to read from the beginning`,
    })
  }
})

test.each([[0], [-1], [100_001], [null]])('max_rows %s is refused', async (maxRows) => {
  const client = await openFeed()

  await expect(client.query('SELECT FROM vss.changes(NULL, $1)', [maxRows])).rejects.toMatchObject({
    code: '22023',
    message: `max_rows is ${maxRows ?? 'NULL'}: give 1 to 100000`,
  })
})

test('a cursor of another feed, or ahead of the server’s transaction ids, is refused', async () => {
  const client = await openFeed()
  await writeSession(client, first)
  const { cursor } = (await readChanges(client))[0]!
  const foreign = cursor.replace(/^1\.[^.]+/, `1.${first}`)
  const ahead = cursor.replace(/\.\d{20}\./, '.00000099999999999999.')

  for (const use of [readChanges, commitForBilling]) {
    await expect(use(client, foreign)).rejects.toMatchObject({
      code: 'VF001',
      message: expect.stringContaining('read from the beginning, with NULL'),
    })
    await expect(use(client, ahead)).rejects.toMatchObject({
      code: 'VF003',
      message: expect.stringContaining('vss feed restart'),
    })
  }
})

test('after pg_upgrade or a failover reading is an error until vss.feed_continue(), and cursors go on', async () => {
  const client = await openFeed()
  await writeSession(client, first)
  const { cursor } = (await readChanges(client))[0]!
  await commit(client, 'billing', cursor)

  for (const change of ['system_identifier = system_identifier - 1', 'timeline = timeline + 1']) {
    await client.query(`UPDATE vss.feed SET ${change}`)
    for (const use of [() => readChanges(client), readChanges, commitForBilling]) {
      await expect(use(client, cursor)).rejects.toMatchObject({
        code: 'VF002',
        message: expect.stringMatching(/vss feed continue.*vss feed restart/),
      })
    }
    await client.query('SELECT vss.feed_continue()')
    await writeSession(client, second)
    expect((await readChanges(client, cursor)).map(({ session_id }) => session_id)).toEqual([second])
  }
})

test.each([
  ['a row', `UPDATE vss.sessions SET change_xid = '99999999999999'`],
  [
    'a consumer',
    `UPDATE vss.consumers SET cursor = regexp_replace(cursor, '\\.\\d{20}\\.', '.00000099999999999999.')`,
  ],
])(
  '%s ahead of the server’s transaction ids stops vss.feed_continue(), and restart mends it',
  async (_, advance) => {
    const client = await openFeed()
    await writeSession(client, first)
    await commit(client, 'billing', (await readChanges(client))[0]!.cursor)
    await client.query(advance)

    const ahead = { code: 'VF003', message: expect.stringContaining('vss feed restart') }
    await expect(client.query('SELECT vss.feed_continue()')).rejects.toMatchObject(ahead)

    await client.query('SELECT vss.feed_restart()')
    expect(await readRevisions(client)).toEqual([[first, 1]])
  },
)

test('rows of a restored backup that are ahead of the server’s transaction ids are an error, not an empty feed', async () => {
  const client = await openFeed()
  await writeSession(client, first)
  await client.query(`UPDATE vss.sessions SET change_xid = '99999999999999'`)

  await expect(readChanges(client)).rejects.toMatchObject({
    code: 'VF003',
    message: expect.stringContaining('vss feed restart'),
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

test('vss.feed_restart() begins a feed in which every session comes once more, and rewrites nothing', async () => {
  const client = await openFeed()
  // Every cursor of the next feed sorts before those of this one.
  await client.query(`UPDATE vss.feed SET feed_id = 'ffffffff-ffff-4fff-8fff-ffffffffffff'`)
  await writeSession(client, first)
  await writeSession(client, second)
  const { cursor } = (await readChanges(client))[0]!
  await commit(client, 'billing', cursor)
  const fileOf = `SELECT pg_relation_filenode('vss.sessions') AS file`
  const before = await client.query(fileOf)

  await client.query('SELECT vss.feed_restart()')

  expect((await client.query(fileOf)).rows).toEqual(before.rows)
  await expect(readChanges(client, cursor)).rejects.toMatchObject({ code: 'VF001' })
  expect(await readLag(client)).toMatchObject([{ name: 'billing', state: 'other feed', lag: null }])
  expect(await readRevisions(client)).toEqual([
    [first, 1],
    [second, 1],
  ])
  const last = (await readChanges(client)).at(-1)!
  // A worker of the release before knows no change_xid.
  await writeAsEarlier(client, first)
  await writeSession(client, third)
  expect((await readChanges(client, last.cursor)).map(({ session_id }) => session_id)).toEqual([first, third])
  await commit(client, 'billing', last.cursor)
  expect(await readLag(client)).toMatchObject([{ name: 'billing', state: 'behind' }])
})

test('a consumer is made by its first commit, and goes back only when it is told to', async () => {
  const client = await openFeed()
  for (const sessionId of [first, second, third]) await writeSession(client, sessionId)
  const [one, two, three] = (await readChanges(client)).map(({ cursor }) => cursor) as [
    string,
    string,
    string,
  ]
  const stored = async () => (await client.query('SELECT name, cursor FROM vss.consumers')).rows

  await commit(client, 'billing', two)
  await commit(client, 'billing', two)
  await expect(commit(client, 'billing', one)).rejects.toMatchObject({
    code: 'VF004',
    message: expect.stringContaining('back => true'),
  })
  expect(await stored()).toEqual([{ name: 'billing', cursor: two }])

  await commit(client, 'billing', three)
  await client.query('SELECT vss.commit($1, $2, back => true)', ['billing', one])
  expect(await stored()).toEqual([{ name: 'billing', cursor: one }])

  await expect(client.query(`SELECT vss.commit('billing', NULL)`)).rejects.toMatchObject({ code: '22023' })
  await client.query(`SELECT vss.commit('billing', NULL, back => true)`)
  expect(await stored()).toEqual([])
})

test.each([[''], [null], ['n'.repeat(101)]])('a consumer cannot be named %j', async (name) => {
  const client = await openFeed()
  await writeSession(client, first)
  const { cursor } = (await readChanges(client))[0]!

  await expect(client.query('SELECT vss.commit($1, $2)', [name, cursor])).rejects.toMatchObject({
    code: '22023',
    message: 'a consumer’s name has 1 to 100 characters'.replace('’', `'`),
  })
})

test('vss.consumer_lag is the age of the oldest unread change, also while the feed is held', async () => {
  const { url, client } = await openFeedWithUrl()
  await writeSession(client, first)
  await commit(client, 'billing', (await readChanges(client))[0]!.cursor)
  expect(await readLag(client)).toMatchObject([
    { name: 'billing', state: 'up to date', oldest_unread_at: null, seconds: 0 },
  ])

  const slow = await connect(url)
  await slow.query('BEGIN; SELECT pg_current_xact_id()')
  await writeSession(client, second)
  await writeSession(client, third)
  await client.query(
    `UPDATE vss.sessions SET processed_at = now() - interval '1 hour' WHERE session_id = $1`,
    [second],
  )

  expect(await readChanges(client)).toHaveLength(1)
  const [lag] = await readLag(client)
  expect(lag).toMatchObject({ state: 'behind' })
  expect(lag!.seconds).toBeGreaterThanOrEqual(3600)
  expect(lag!.seconds).toBeLessThan(3700)
  await slow.query('ROLLBACK')
})

async function openFeed(): Promise<pg.Client> {
  return (await openFeedWithUrl()).client
}

/** A migrated database of its own, with a feed that nobody holds, and a connection to it. */
async function openFeedWithUrl(): Promise<{ url: string; client: pg.Client }> {
  const { url, drop } = await createTestDatabase(serverUrl)
  onTestFinished(drop)
  const client = await connect(url)
  // Autovacuum, and the end of a test before, may still be writing.
  await until('A feed that nobody holds', async () => (await readStatus(client)).holder === 'nobody', {
    timeoutMs: 10_000,
  })
  return { url, client }
}

function sessionIdOf(number: number): string {
  return `00000000-0000-4000-8000-${number.toString(16).padStart(12, '0')}`
}

/** Inserts a session in whatever transaction is open. */
async function insertSession(client: pg.Client, sessionId: string): Promise<void> {
  await client.query(
    `INSERT INTO vss.sessions AS known (session_id, sub_account_id, status, started_at, ended_at, answered, anomalies,
       revision, delivery_id, received_at, body_sha256, processed_at, pipeline_version)
     VALUES ($1, 'account', 'COMPLETED', now(), now(), true, '{}', 1, $1, now(), sha256(''), now(), 'test')`,
    [sessionId],
  )
}

/** Inserts or corrects a session in a transaction of its own. @returns its revision. */
async function writeSession(client: pg.Client, sessionId: string): Promise<number> {
  const { rows } = await client.query<{ revision: number }>(
    `INSERT INTO vss.sessions AS known (session_id, sub_account_id, status, started_at, ended_at, answered, anomalies,
       revision, delivery_id, received_at, body_sha256, processed_at, pipeline_version)
     VALUES ($1, 'account', 'COMPLETED', now(), now(), true, '{}', 1, $1, now(), sha256(''), now(), 'test')
     ON CONFLICT (session_id) DO UPDATE
     SET revision = known.revision + 1, processed_at = now(), change_xid = pg_current_xact_id()
     RETURNING revision`,
    [sessionId],
  )
  return rows[0]!.revision
}

async function readChanges(client: pg.Client, after?: string, maxRows = 1000): Promise<Change[]> {
  const { rows } = await client.query<Change>('SELECT * FROM vss.changes($1, $2)', [after ?? null, maxRows])
  return rows
}

async function readRevisions(client: pg.Client): Promise<[string, number][]> {
  return (await readChanges(client)).map(({ session_id, revision }) => [session_id, revision])
}

async function commit(client: pg.Client, consumer: string, cursor: string): Promise<void> {
  await client.query('SELECT vss.commit($1, $2)', [consumer, cursor])
}

async function commitForBilling(client: pg.Client, cursor: string): Promise<void> {
  await commit(client, 'billing', cursor)
}

async function readStatus(client: pg.Client): Promise<Record<string, unknown>> {
  const { rows } = await client.query(`SELECT *, age > '0' AS "isOld" FROM vss.feed_status`)
  expect(rows).toHaveLength(1)
  return rows[0]!
}

async function readLag(client: pg.Client) {
  const { rows } = await client.query<{ name: string; state: string; seconds: number }>(
    'SELECT *, extract(epoch FROM lag)::float8 AS seconds FROM vss.consumer_lag ORDER BY name',
  )
  return rows
}
