import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { createServer } from 'node:net'
import { until } from '@vss-pipeline/local-stack'
import {
  type Change,
  type Changes,
  type FollowOptions,
  follow,
  readConsumers,
  readSession,
} from '@vss-pipeline/reader'
import { beatFeed, createWriter, type Pool, type Writer } from '@vss-pipeline/storage'
import type { Session } from '@vss-pipeline/vss'
import { expect, onTestFinished, test } from 'vitest'
import { connect, createTestDatabase, rowsOf } from '../../support/databases.ts'
import { callLeg, delivery, session } from '../../support/entries.ts'
import { openPool } from '../../support/open-storage.ts'
import { startOwnPostgres } from '../../support/own-postgres.ts'
import { openTcpProxy } from '../../support/tcp-proxy.ts'

const postgres = await startOwnPostgres()

test('a change comes with its session and its legs, as the reader of one session gives them', async () => {
  const feed = await openFeed()
  const sessions = [
    session(),
    session({ legs: [] }),
    session({ legs: [callLeg('B', { mos: null }), callLeg('A')] }),
  ]
  for (const content of sessions) await feed.write(content)

  const changes = await firstChanges(feed, sessions.length)

  expect(changes.map(({ sessionId }) => sessionId)).toEqual(sessions.map(({ sessionId }) => sessionId))
  for (const { kind, sessionId, revision, session, legs, changedAt } of changes) {
    const stored = await readSession(feed.pool, sessionId)
    expect({ session, legs }).toEqual({ session: stored?.session, legs: stored?.legs })
    expect({ kind, revision, changedAt }).toEqual({
      kind: 'session',
      revision: 1,
      changedAt: session?.processedAt,
    })
  }
})

test('changes behind the committed cursor come again, and the others do not', async () => {
  const feed = await openFeed()
  const [first, second, third] = [session(), session(), session()]
  for (const content of [first, second, third]) await feed.write(content)

  const lives: string[][] = []
  for (let life = 0; life < 3; life++) {
    for await (const changes of feed.follow({ consumer: 'billing', maxRows: 2 })) {
      lives.push(changes.map(({ sessionId }) => sessionId))
      if (life > 0) await changes.commit()
      break
    }
  }

  expect(lives).toEqual([
    [first.sessionId, second.sessionId],
    [first.sessionId, second.sessionId],
    [third.sessionId],
  ])
  expect(await readConsumers(feed.pool)).toMatchObject([
    { name: 'billing', state: 'up to date', lagSeconds: 0 },
  ])
})

test('a part of a batch may be committed', async () => {
  const feed = await openFeed()
  const sessions = [session(), session(), session()]
  for (const content of sessions) await feed.write(content)

  for await (const changes of feed.follow({ consumer: 'billing' })) {
    await changes.commit(changes[1])
    break
  }
  const [next] = await firstChanges(feed, 1, { consumer: 'billing' })

  expect(next?.sessionId).toBe(sessions[2]?.sessionId)
})

test('the present end of the feed, a cursor and the beginning are places to begin at', async () => {
  const feed = await openFeed()
  const [first, second, third] = [session(), session(), session()]
  await feed.write(first)
  await feed.write(second)

  const fromNow = feed.follow({ from: 'now' })
  const next = fromNow.next()
  await feed.untilIdle()
  await feed.write(third)
  expect((await next).value?.map(({ sessionId }) => sessionId)).toEqual([third.sessionId])
  await fromNow.return?.()

  const all = await firstChanges(feed, 3)
  expect(await firstChanges(feed, 2, { from: all[0]!.cursor })).toEqual(all.slice(1))
  expect(await firstChanges(feed, 3, { from: 'beginning' })).toEqual(all)
})

test('"now" is sound in an empty feed, and for a consumer that ends before its first commit', async () => {
  const feed = await openFeed()
  const [first, second] = [session(), session()]

  for (const content of [first, second]) {
    const following = feed.follow({ from: 'now', consumer: `since ${content.sessionId}` })
    const next = following.next()
    await until('The consumer', async () => (await feed.consumers()).includes(`since ${content.sessionId}`), {
      timeoutMs: 5_000,
    })
    await following.return?.()
    expect(await next).toEqual({ done: true, value: undefined })
    await feed.write(content)
  }

  // Both were written when nobody followed.
  const since = async ({ sessionId }: Session, count: number) =>
    (await firstChanges(feed, count, { from: 'now', consumer: `since ${sessionId}` })).map(
      (change) => change.sessionId,
    )
  expect(await since(first, 2)).toEqual([first.sessionId, second.sessionId])
  expect(await since(second, 1)).toEqual([second.sessionId])
})

test('a batch has at most maxRows changes, and ends early when its legs are large', async () => {
  const feed = await openFeed()
  // The most and the longest that a session can have: 26 of these have 4 MiB.
  const errorMessage = '訂'.repeat(2_000)
  const letters = [...'ABCDEFGHIJKLMNOPQRSTUVWXYZ']
  for (let large = 0; large < 40; large++) {
    await feed.write(session({ legs: letters.map((leg) => callLeg(leg, { errorMessage })) }))
  }
  for (let small = 0; small < 60; small++) await feed.write(session())

  const lengths: number[] = []
  const seen = new Set<string>()
  for await (const changes of feed.follow({ maxRows: 36 })) {
    lengths.push(changes.length)
    for (const { sessionId } of changes) seen.add(sessionId)
    if (seen.size === 100) break
  }

  expect(lengths[0]).toBeGreaterThan(20)
  expect(lengths[0]).toBeLessThan(30)
  expect(lengths[1]).toBe(36)
  expect(lengths.reduce((sum, length) => sum + length)).toBe(100)
})

test('an erasure comes without a session, and an unknown kind is passed over', async () => {
  const feed = await openFeed()
  await feed.write(session())
  await feed.write(session())
  await feed.write(session())
  await feed.pool.query(`
    ALTER FUNCTION vss.changes RENAME TO only_sessions;
    CREATE FUNCTION vss.changes(after text, max_rows integer)
    RETURNS TABLE (cursor text, kind text, session_id uuid, revision integer, changed_at timestamptz) LANGUAGE sql STABLE AS $$
      SELECT cursor, (ARRAY['erased', 'renumbered', 'session'])[row_number() OVER ()],
        CASE row_number() OVER () WHEN 3 THEN session_id ELSE gen_random_uuid() END, NULL::integer, changed_at
      FROM vss.only_sessions(after, max_rows)
    $$`)

  const changes = await firstChanges(feed, 2)

  expect(changes.map(({ kind, session, legs }) => [kind, session === null, legs.length])).toEqual([
    ['erased', true, 0],
    ['session', false, 2],
  ])
})

test.each([
  ['a text that is no cursor', 'yesterday', '', '22023', /"yesterday" is no cursor .* give one/],
  [
    'a cursor of another feed',
    '1.00000000-0000-4000-8000-000000000000.00000000000000000001.00000000-0000-4000-8000-000000000000',
    '',
    'VF001',
    /read from the beginning/,
  ],
  [
    'another server',
    'beginning',
    'UPDATE vss.feed SET system_identifier = system_identifier - 1',
    'VF002',
    /vss feed continue.*vss feed restart/,
  ],
  [
    'rows ahead of the server',
    'now',
    `UPDATE vss.sessions SET change_xid = '99999999999'`,
    'VF003',
    /vss feed restart/,
  ],
])('%s is an error that says what to do, and is not tried again', async (_, from, change, code, message) => {
  const feed = await openFeed()
  await feed.write(session())
  if (change !== '') await feed.pool.query(change)
  const onAway = () => expect.unreachable()

  const reading = feed.follow({ from, onAway }).next()

  await expect(reading).rejects.toMatchObject({
    name: 'FeedError',
    code,
    message: expect.stringMatching(message),
  })
  await expect(reading).rejects.toThrow(`(SQLSTATE ${code})`)
})

test('a commit that began before the fault does not tell that Postgres is back', async () => {
  const feed = await openFeed()
  await feed.write(session())
  // Only its connections can be refused: a limit does not concern a superuser.
  await feed.pool.query(`CREATE ROLE limited LOGIN PASSWORD 'limited'`)
  await feed.pool.query('GRANT USAGE ON SCHEMA vss TO limited')
  await feed.pool.query('GRANT SELECT ON ALL TABLES IN SCHEMA vss TO limited')
  await feed.pool.query('GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA vss TO limited')
  onTestFinished(async () => {
    await feed.pool.query('DROP OWNED BY limited')
    await feed.pool.query('DROP ROLE limited')
  })
  const url = new URL(feed.url)
  url.username = 'limited'
  url.password = 'limited'
  const told: string[] = []
  const following = follow({
    databaseUrl: url.href,
    consumer: 'billing',
    onAway: () => told.push('away'),
    onBack: () => told.push('back'),
  })
  onTestFinished(async () => void (await following.return!()))
  const { value: changes } = await following.next()
  await changes!.commit()

  const lock = await connect(feed.url)
  await lock.query('BEGIN; SELECT FROM vss.consumers FOR UPDATE')
  const committing = changes!.commit()
  const next = following.next()
  const activity = (condition: string) =>
    feed.pool.query(`SELECT pid FROM pg_stat_activity WHERE usename = 'limited' AND ${condition}`)
  const isCommitting = async () => (await activity(`wait_event_type = 'Lock'`)).rowCount === 1
  await until('A commit that waits', isCommitting, { timeoutMs: 5_000 })
  const reader = async () => (await activity(`query LIKE '%vss.changes%'`)).rows[0]
  const { pid } = await until('A read beside it', reader, { timeoutMs: 5_000 })
  await feed.pool.query('ALTER ROLE limited CONNECTION LIMIT 0')
  await feed.pool.query('SELECT pg_terminate_backend($1)', [pid])
  await until('The fault', () => told.length > 0, { timeoutMs: 5_000 })
  await lock.query('COMMIT')
  await committing
  expect(told).toEqual(['away'])

  await feed.pool.query('ALTER ROLE limited CONNECTION LIMIT -1')
  await feed.write(session())
  expect((await next).value).toHaveLength(1)
  expect(told).toEqual(['away', 'back'])
})

test('after a failover it waits for the heartbeat of a worker, and goes on', async () => {
  const feed = await openFeed()
  await feed.write(session())
  const told: string[] = []
  const following = feed.follow({
    onAway: ({ message }) => told.push(message),
    onBack: () => told.push('back'),
  })
  expect((await following.next()).value).toHaveLength(1)
  await feed.pool.query('UPDATE vss.feed SET timeline = timeline - 1')
  const next = following.next()
  await until('The refusal', () => told.length > 0, { timeoutMs: 5_000 })
  expect(await beatFeed(feed.pool)).toBe('continued')
  const late = session()
  await feed.write(late)
  const seen = [...(await next).value!]
  while (!seen.some(({ sessionId }) => sessionId === late.sessionId)) {
    seen.push(...(await following.next()).value!)
  }
  expect(told).toEqual([expect.stringContaining('a worker that runs mends this'), 'back'])
  await following.return!()
})

test('a consumer of an earlier feed is told how to begin anew, and then does', async () => {
  const feed = await openFeed()
  await feed.write(session())
  for await (const changes of feed.follow({ consumer: 'billing' })) {
    await changes.commit()
    break
  }
  await feed.pool.query('SELECT vss.feed_restart()')

  await expect(feed.follow({ consumer: 'billing' }).next()).rejects.toMatchObject({
    code: 'VF001',
    message: expect.stringContaining('"vss consumers remove billing"'),
  })
})

test('two processes of one name are an error of the one that is behind', async () => {
  const feed = await openFeed()
  await feed.write(session())
  await feed.write(session())
  const [ahead, behind] = [
    feed.follow({ consumer: 'billing' }),
    feed.follow({ consumer: 'billing', maxRows: 1 }),
  ]
  const [two, one] = [(await ahead.next()).value!, (await behind.next()).value!]
  expect([two.length, one.length]).toEqual([2, 1])

  await two.commit()
  await expect(one.commit()).rejects.toMatchObject({
    code: 'VF004',
    message: expect.stringMatching(/two processes use this name.*give each process a consumer of its own/),
  })

  await ahead.return?.()
  await behind.return?.()
})

test.each<[Partial<FollowOptions>, string]>([
  [{ maxRows: 0 }, 'maxRows is 0: it takes a whole number from 1 to 10000'],
  [{ maxRows: 10_001 }, 'maxRows is 10001: it takes a whole number from 1 to 10000'],
  [{ maxRows: 1.5 }, 'maxRows is 1.5: it takes a whole number from 1 to 10000'],
  [{ consumer: '' }, 'consumer has 0 characters: it takes 1 to 100'],
  [{ consumer: 'c'.repeat(101) }, 'consumer has 101 characters: it takes 1 to 100'],
])('%j is refused at once', (options, message) => {
  expect(() => follow({ databaseUrl: 'postgres://127.0.0.1:1/vss', ...options })).toThrow(
    new RangeError(message),
  )
})

test('a wrong password and a missing database are errors of the first connection', async () => {
  const wrong = new URL(postgres.url)
  wrong.password = 'wrong'
  await expect(follow({ databaseUrl: wrong.href }).next()).rejects.toMatchObject({ sqlState: '28P01' })
  const missing = new URL(postgres.url)
  missing.pathname = '/missing'
  await expect(follow({ databaseUrl: missing.href }).next()).rejects.toMatchObject({ sqlState: '3D000' })
})

test('a database of an earlier release is an error that says so', async () => {
  const feed = await openFeed()
  await feed.pool.query('DROP FUNCTION vss.feed_end()')
  await expect(feed.follow({ from: 'now' }).next()).rejects.toMatchObject({ code: 'schema_missing' })
})

test('the signal ends a loop that waits, also one that waits for Postgres or a held feed', async () => {
  const feed = await openFeed()
  const holder = await connect(feed.url)
  await holder.query('BEGIN; SELECT pg_current_xact_id()')
  await feed.write(session())
  const closed = createServer().listen(0, '127.0.0.1')
  await once(closed, 'listening')
  const { port } = closed.address() as AddressInfo
  closed.close()

  for (const databaseUrl of [feed.url, `postgres://vss@127.0.0.1:${port}/vss`]) {
    const stop = new AbortController()
    const seen: unknown[] = []
    const loop = (async () => {
      for await (const changes of follow({
        databaseUrl,
        signal: stop.signal,
        onAway: (fault) => seen.push(fault.code),
      })) {
        seen.push(changes)
      }
      return 'ended'
    })()
    if (databaseUrl === feed.url) await feed.untilIdle()
    else await until('A fault', () => seen.length > 0, { timeoutMs: 5_000 })
    stop.abort()
    expect(await loop).toBe('ended')
    expect(seen).toEqual(databaseUrl === feed.url ? [] : ['database_unavailable'])
  }
  await holder.query('ROLLBACK')
})

test('a batch in hand may be committed after the signal, but not after the end', async () => {
  const feed = await openFeed()
  await feed.write(session())
  const stop = new AbortController()
  let last: Changes | undefined

  for await (const changes of feed.follow({ consumer: 'billing', signal: stop.signal })) {
    stop.abort()
    await changes.commit()
    last = changes
  }

  expect(await feed.consumers()).toEqual(['billing'])
  await expect(last!.commit()).rejects.toMatchObject({ code: 'ended' })
})

test('a signal that has aborted before ends the loop before it begins', async () => {
  for await (const changes of follow({
    databaseUrl: 'postgres://127.0.0.1:1/vss',
    signal: AbortSignal.abort(),
  })) {
    expect.unreachable(`${changes.length} changes`)
  }
})

test('return() ends a loop that waits, and an error of the body ends its connections', async () => {
  const feed = await openFeed()
  const following = feed.follow()
  const next = following.next()
  await feed.untilIdle()
  expect(await following.return?.()).toEqual({ done: true, value: undefined })
  expect(await next).toEqual({ done: true, value: undefined })

  await feed.write(session())
  const failing = (async () => {
    for await (const _ of feed.follow()) throw new Error('the body failed')
  })()
  await expect(failing).rejects.toThrow('the body failed')
  await feed.untilDisconnected()
})

test('the end waits neither for a server that is silent nor for one that never answers', async () => {
  const feed = await openFeed()
  const network = await openTcpProxy(feed.url)
  for (const isConnected of [true, false]) {
    const stop = new AbortController()
    const following = follow({ databaseUrl: network.url, signal: stop.signal })
    if (!isConnected) network.swallow()
    const next = following.next()
    if (isConnected) {
      await feed.untilIdle()
      network.swallow()
    }
    const startedAt = performance.now()
    stop.abort()
    expect(await next).toEqual({ done: true, value: undefined })
    expect(performance.now() - startedAt).toBeLessThan(isConnected ? 3_000 : 6_000)
    network.heal()
  }
  await feed.untilDisconnected()
})

test('a commit without a consumer is an error', async () => {
  const feed = await openFeed()
  await feed.write(session())
  for await (const changes of feed.follow()) {
    await expect(changes.commit()).rejects.toMatchObject({ code: 'no_consumer' })
    break
  }
})

test.each([
  ['one batch is read ahead of a full one, and no more', 2, 2],
  ['nothing is read ahead of one that is not full', 100, 1],
])('while the body works %s', async (_, maxRows, expected) => {
  const feed = await openFeed()
  await countReads(feed)
  for (let count = 0; count < 10; count++) await feed.write(session())

  for await (const changes of feed.follow({ maxRows })) {
    expect(changes.length).toBe(Math.min(maxRows, 10))
    await until('The last read', async () => (await readCount(feed)) === expected, { timeoutMs: 5_000 })
    for (let count = 0; count < 50; count++) await feed.write(session())
    expect(await readCount(feed)).toBe(expected)
    break
  }
})

test('a stream of changes makes few reads, and a quiet feed fewer', async () => {
  const feed = await openFeed()
  await countReads(feed)
  const stop = new AbortController()
  let changes = 0
  const loop = (async () => {
    for await (const batch of feed.follow({ signal: stop.signal })) changes += batch.length
  })()

  const startedAt = performance.now()
  for (let count = 0; count < 100; count++) await feed.write(session())
  await until('The last change', () => changes === 100, { timeoutMs: 5_000 })
  const busySeconds = (performance.now() - startedAt) / 1000
  const busyReads = await readCount(feed)
  expect(busyReads).toBeLessThan(busySeconds * 20 + 3)

  // Twenty pauses of 50 ms are a second. They grow with the time since the last change.
  await until('Reads of a quiet feed', async () => (await readCount(feed)) >= busyReads + 20, {
    timeoutMs: 20_000,
  })
  expect(performance.now() - startedAt - busySeconds * 1000).toBeGreaterThan(1_000)
  stop.abort()
  await loop
})

test('a connection that is cut while the body works, or while nothing comes, is replaced without an error', async () => {
  const feed = await openFeed()
  const [first, second, third] = [session(), session(), session()]
  await feed.write(first)
  const following = feed.follow({ consumer: 'billing' })

  const one = await following.next()
  await feed.cut()
  await one.value!.commit()
  const next = following.next()
  await feed.untilIdle()
  await feed.cut()
  await feed.write(second)
  expect((await next).value?.map(({ sessionId }) => sessionId)).toEqual([second.sessionId])
  await feed.cut()
  await feed.write(third)
  expect((await following.next()).value?.map(({ sessionId }) => sessionId)).toEqual([third.sessionId])
  await following.return?.()
  await feed.untilDisconnected()
})

test('Postgres may end and come back: that is told once, the loop goes on, and commits wait', async () => {
  const feed = await openFeed()
  const [first, second] = [session(), session()]
  await feed.write(first)
  const told: string[] = []
  const following = feed.follow({
    consumer: 'billing',
    onAway: ({ code }) => told.push(code),
    onBack: () => told.push('back'),
  })
  const one = (await following.next()).value!

  await postgres.kill()
  const commit = one.commit()
  const next = following.next()
  await until('A fault', () => told.length > 0, { timeoutMs: 5_000 })
  await postgres.start()
  await commit
  await feed.write(second)

  expect((await next).value?.map(({ sessionId }) => sessionId)).toEqual([second.sessionId])
  expect(told).toEqual(['database_unavailable', 'back'])
  expect(await feed.consumers()).toEqual(['billing'])
  await following.return?.()
})

test('a commit that waits for Postgres is given up when the signal aborts', async () => {
  const feed = await openFeed()
  await feed.write(session())
  const stop = new AbortController()
  const told: string[] = []
  const following = feed.follow({
    consumer: 'billing',
    signal: stop.signal,
    onAway: ({ code }) => told.push(code),
  })
  const one = (await following.next()).value!

  // Not killed: a connection may outlive a killed server for a moment, and take the commit.
  await postgres.stop()
  const commit = one.commit().catch((error: Error) => error)
  await until('A fault', () => told.length > 0, { timeoutMs: 5_000 })
  stop.abort()
  expect(await commit).toBeInstanceOf(Error)
  await postgres.start()
  await following.return?.()
  expect(await feed.consumers()).toEqual([])
})

interface Feed {
  url: string
  pool: Pool
  write(content: Session): Promise<void>
  follow(options?: Partial<FollowOptions>): ReturnType<typeof follow>
  consumers(): Promise<string[]>
  /** The last statement of each connection of a follower, by its time. */
  activity(): Promise<unknown[]>
  /** Waits until a follower has read, and reads no more for now. */
  untilIdle(): Promise<void>
  untilDisconnected(): Promise<void>
  /** Cuts the followers' connections. */
  cut(): Promise<void>
}

async function openFeed(): Promise<Feed> {
  const { url, drop } = await createTestDatabase(postgres.url)
  // A connection that a follower had left open would make this fail.
  onTestFinished(drop)
  const pool = openPool(url)
  const writer: Writer = createWriter({ pool, pipelineVersion: 'test' })
  const followers = `FROM pg_stat_activity WHERE datname = current_database() AND application_name LIKE 'vss-follow%'`
  const activity = async () =>
    (
      await pool.query(
        `SELECT pid, query_start ${followers} AND state = 'idle' AND query LIKE '%vss.changes%'`,
      )
    ).rows
  return {
    url,
    pool,
    async write(content) {
      await writer.write([delivery(content)])
    },
    follow: (options) => follow({ databaseUrl: url, ...options }),
    consumers: async () => (await readConsumers(pool)).map(({ name }) => name),
    activity,
    untilIdle: async () => {
      await until('A read', async () => (await activity()).length > 0, { timeoutMs: 5_000 })
    },
    untilDisconnected: async () => {
      await until(
        'The end of the connections',
        async () => (await pool.query(`SELECT ${followers}`)).rowCount === 0,
        {
          timeoutMs: 5_000,
        },
      )
    },
    cut: async () => {
      await rowsOf(url, `SELECT pg_terminate_backend(pid) ${followers}`)
    },
  }
}

/** Makes the database count the reads of its feed. */
async function countReads({ pool }: Feed): Promise<void> {
  await pool.query(`
    CREATE SEQUENCE public.reads;
    ALTER FUNCTION vss.changes RENAME TO uncounted_changes;
    CREATE FUNCTION vss.changes(after text, max_rows integer)
    RETURNS TABLE (cursor text, kind text, session_id uuid, revision integer, changed_at timestamptz)
    LANGUAGE plpgsql STABLE AS $$
    BEGIN
      PERFORM nextval('public.reads');
      RETURN QUERY SELECT * FROM vss.uncounted_changes(after, max_rows);
    END $$`)
}

async function readCount({ pool }: Feed): Promise<number> {
  const { rows } = await pool.query<{ reads: number }>(
    'SELECT CASE WHEN is_called THEN last_value ELSE 0 END::integer AS reads FROM public.reads',
  )
  return rows[0]!.reads
}

/** Follows until so many changes have come. */
async function firstChanges(
  feed: Feed,
  count: number,
  options: Partial<FollowOptions> = {},
): Promise<Change[]> {
  const all: Change[] = []
  for await (const changes of feed.follow(options)) {
    all.push(...changes)
    if (all.length >= count) return all
  }
  return all
}
