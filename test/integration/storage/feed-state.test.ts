import { until } from '@vss-pipeline/local-stack'
import { type FeedState, readFeedState } from '@vss-pipeline/reader'
import { createMetricsRegistry } from '@vss-pipeline/runtime/service'
import { expect, test } from 'vitest'
import { observeFeed } from '../../../services/worker/src/feed-metrics.ts'
import { connect } from '../../support/databases.ts'
import {
  commit,
  first,
  openFeedWithUrl,
  readChanges,
  second,
  third,
  useOwnServer,
  writeSession,
} from '../../support/feed-database.ts'
import { openPool } from '../../support/open-storage.ts'

useOwnServer()

test('a feed without consumers, which shows all, holds nothing back', async () => {
  const { url, client } = await openFeedWithUrl()
  await writeSession(client, first)

  expect(await readFeedState(openPool(url))).toEqual({
    refusal: null,
    heldSeconds: 0,
    holder: {
      barrier: expect.stringMatching(/^\d+$/),
      kind: 'nobody',
      pid: null,
      preparedName: null,
      databaseName: null,
      applicationName: null,
      since: null,
    },
    consumers: [],
    consumerCount: 0,
  })
})

test('a transaction that holds the feed back counts from the first change that waits for it', async () => {
  const { url, client } = await openFeedWithUrl()
  const pool = openPool(url)
  const slow = await connect(url)
  await slow.query(`SET application_name = 'slow report'; BEGIN; SELECT pg_current_xact_id()`)
  const { rows } = await slow.query<{ pid: number; since: Date }>(
    'SELECT pg_backend_pid() AS pid, now() AS since',
  )

  // Nobody waits for anything yet.
  const before = await readFeedState(pool)
  expect(before).toMatchObject({ heldSeconds: 0, holder: { kind: 'connection', pid: rows[0]!.pid } })

  await writeSession(client, first)
  await client.query(`UPDATE vss.sessions SET processed_at = now() - interval '30 s'`)
  const held = await readFeedState(pool)
  expect(held.heldSeconds).toBeGreaterThanOrEqual(30)
  expect(held.heldSeconds).toBeLessThan(60)
  expect(held.holder).toEqual({
    barrier: expect.stringMatching(/^\d+$/),
    kind: 'connection',
    pid: rows[0]!.pid,
    preparedName: null,
    databaseName: new URL(url).pathname.slice(1),
    applicationName: 'slow report',
    since: rows[0]!.since.toISOString(),
  })

  await slow.query('ROLLBACK')
  expect(await readFeedState(pool)).toMatchObject({ heldSeconds: 0, holder: { kind: 'nobody' } })
})

test.each([
  ['system_identifier = system_identifier - 1', 'other server', 'VF002', /another server/],
  ['timeline = timeline + 1', 'other server', 'VF002', /another server/],
  ['timeline = timeline - 1', 'other timeline', 'VF005', /a worker that runs mends this/],
])(
  'after %s of the feed reads are refused, and its state says why',
  async (change, refusal, code, message) => {
    const { url, client } = await openFeedWithUrl()
    await client.query(`UPDATE vss.feed SET ${change}`)

    await expect(readChanges(client)).rejects.toMatchObject({
      code,
      message: expect.stringMatching(message),
    })
    expect(await readFeedState(openPool(url))).toMatchObject({ refusal })
  },
)

test('consumers come with the one first that is furthest behind, and those of another feed last', async () => {
  const { url, client } = await openFeedWithUrl()
  for (const sessionId of [first, second, third]) await writeSession(client, sessionId)
  const [one, two, three] = (await readChanges(client)).map(({ cursor }) => cursor) as [
    string,
    string,
    string,
  ]
  await commit(client, 'up to date', three)
  await commit(client, 'behind by one', two)
  await commit(client, 'behind by two', one)
  await commit(client, 'lost', one)
  await client.query(
    `UPDATE vss.consumers SET cursor = regexp_replace(cursor, '^1\\.[^.]+', '1.${first}') WHERE name = 'lost'`,
  )
  await client.query(
    `UPDATE vss.sessions SET processed_at = now() - CASE session_id WHEN $1 THEN interval '2 min' ELSE '1 min' END`,
    [second],
  )
  const pool = openPool(url)

  const { consumers, consumerCount } = await readFeedState(pool)
  expect(
    consumers.map(({ name, state, lagSeconds }) => [name, state, lagSeconds && Math.round(lagSeconds)]),
  ).toEqual([
    ['behind by two', 'behind', 120],
    ['behind by one', 'behind', 60],
    ['up to date', 'up to date', 0],
    ['lost', 'other feed', null],
  ])
  expect(consumerCount).toBe(4)
  const few = await readFeedState(pool, { maxConsumers: 1 })
  expect(few.consumers.map(({ name }) => name)).toEqual(['behind by two'])
  expect(few.consumerCount).toBe(4)
})

test('the metrics have the 50 consumers that are furthest behind, by names that cannot break the text', async () => {
  const { url, client } = await openFeedWithUrl()
  for (const sessionId of [first, second]) await writeSession(client, sessionId)
  const [one, two] = (await readChanges(client)).map(({ cursor }) => cursor) as [string, string]
  for (const number of Array(60).keys()) await commit(client, `up to date ${number}`, two)
  await commit(client, 'a "quoted"\nname\\', one)
  const registry = createMetricsRegistry()
  const pool = openPool(url)
  observeFeed({ registry, read: (limits) => readFeedState(pool, limits) })

  const lines = (await registry.metrics()).split('\n')

  expect(lines).toContain('vss_feed_barrier_age_seconds 0')
  const lags = lines.filter((line) => line.startsWith('vss_feed_consumer_lag_seconds{'))
  expect(lags).toHaveLength(50)
  expect(lags[0]).toMatch(/^vss_feed_consumer_lag_seconds\{consumer="a \\"quoted\\"\\nname\\\\"\} \d/)
})

test('the metrics keep their values while the feed cannot be read', async () => {
  const { url, client } = await openFeedWithUrl()
  await writeSession(client, first)
  const [one] = (await readChanges(client)).map(({ cursor }) => cursor)
  await commit(client, 'billing', one!)
  const registry = createMetricsRegistry()
  const pool = openPool(url)
  let isAway = false
  let failures = 0
  observeFeed({
    registry,
    async read(limits) {
      if (isAway && ++failures > 0) throw new Error('away')
      return await readFeedState(pool, limits)
    },
  })
  const samplesOf = (text: string) => text.split('\n').filter((line) => line.startsWith('vss_feed_'))
  const before = samplesOf(await registry.metrics())
  expect(before).toHaveLength(2)

  isAway = true
  await until('A reading that fails', async () => (await registry.metrics()) && failures > 0, {
    timeoutMs: 5_000,
  })

  expect(samplesOf(await registry.metrics())).toEqual(before)
})

test('a scrape reads the feed at most once a second, and without a database has no value', async () => {
  const registry = createMetricsRegistry()
  let reads = 0
  observeFeed({
    registry,
    async read() {
      reads++
      throw new Error('away')
    },
  })

  const texts = await Promise.all([registry.metrics(), registry.metrics()])

  expect(reads).toBe(1)
  for (const text of texts) expect(text).not.toMatch(/^vss_feed_\w+({.*})? /m)
})

test('a scrape does not wait for a database that hangs', async () => {
  const registry = createMetricsRegistry()
  observeFeed({ registry, read: () => new Promise<FeedState>(() => {}) })
  const startedAt = performance.now()

  expect(await registry.metrics()).not.toMatch(/^vss_feed_\w+({.*})? /m)
  expect(performance.now() - startedAt).toBeLessThan(5_000)
})
