import { join } from 'node:path'
import { createRandom, generateEvents } from '@vss-pipeline/generator'
import { createTemporaryFolder, until } from '@vss-pipeline/local-stack'
import { createPool, createWriter, type Pool, type Writer } from '@vss-pipeline/storage'
import { enrichSession, type Session, validateEvent } from '@vss-pipeline/vss'
import { beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { createTestDatabase } from '../../support/databases.ts'
import { callLeg, delivery, session } from '../../support/entries.ts'
import { openPool } from '../../support/open-storage.ts'
import { startRunningPipeline } from '../../support/running-pipeline.ts'
import { startTestPostgres } from '../../support/servers/postgres.ts'
import { type Group, trafficOf } from './reference.ts'

/** Only this file uses the server: the transactions of other files would hold the following of changes back. */
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

const hourMs = 3_600_000
const dayMs = 24 * hourMs

/** Clocks go forward in Berlin on 29 March 2026 at 01:00 UTC. */
const period = { fromMs: Date.UTC(2026, 2, 25, 7), untilMs: Date.UTC(2026, 3, 2, 7) }

interface Question {
  since: string
  until: string
  bucket: string
  /** The beginnings of the buckets. */
  starts: string[]
  timeZone?: string
  subAccount?: string
  groupBy?: Group[]
}

const whole = { since: '2026-03-25T07:00:00Z', until: '2026-04-02T07:00:00Z', bucket: '1 month' }
const wholeStarts = ['2026-03-25T07:00:00Z']
const hoursOf = (from: string, count: number, stepMs = hourMs) =>
  Array.from({ length: count }, (_, number) => new Date(Date.parse(from) + number * stepMs).toISOString())

const questions: [string, Question][] = [
  ['all in one bucket', { ...whole, starts: wholeStarts }],
  [
    'days in Berlin, over the change of clocks',
    {
      since: '2026-03-28T00:00:00+01:00',
      until: '2026-03-31T00:00:00+02:00',
      bucket: '1 day',
      timeZone: 'Europe/Berlin',
      starts: ['2026-03-28T00:00:00+01:00', '2026-03-29T00:00:00+01:00', '2026-03-30T00:00:00+02:00'],
    },
  ],
  [
    'days in India, which begin within an hour of UTC, the last one cut off',
    {
      since: '2026-03-28T00:00:00+05:30',
      until: '2026-03-30T15:20:00+05:30',
      bucket: '1 day',
      timeZone: 'Asia/Kolkata',
      starts: ['2026-03-28T00:00:00+05:30', '2026-03-29T00:00:00+05:30', '2026-03-30T00:00:00+05:30'],
    },
  ],
  [
    'hours',
    {
      since: '2026-03-31T00:00:00Z',
      until: '2026-04-01T00:00:00Z',
      bucket: '1 hour',
      starts: hoursOf('2026-03-31T00:00:00Z', 24),
    },
  ],
  [
    'odd steps from an odd time',
    {
      since: '2026-03-31T00:07:11.5Z',
      until: '2026-03-31T23:59:59.999Z',
      bucket: '97 minutes',
      starts: hoursOf('2026-03-31T00:07:11.500Z', 15, 97 * 60_000),
    },
  ],
  [
    'a range before all calls',
    {
      since: '2020-01-01T00:00:00Z',
      until: '2020-01-03T00:00:00Z',
      bucket: '1 day',
      starts: hoursOf('2020-01-01', 2, dayMs),
    },
  ],
  ['one sub-account', { ...whole, starts: wholeStarts, subAccount: 'busy' }],
  ['a sub-account without calls', { ...whole, starts: wholeStarts, subAccount: 'nobody' }],
  ...(
    [
      ['sub_account'],
      ['direction'],
      ['legs'],
      ['country_pair'],
      ['direction', 'legs'],
      ['country_pair', 'direction'],
      ['sub_account', 'country_pair'],
      ['sub_account', 'direction', 'legs', 'country_pair'],
    ] as Group[][]
  ).map((groupBy): [string, Question] => [
    `by ${groupBy.join(', ')}`,
    { ...whole, starts: wholeStarts, groupBy },
  ]),
  [
    'days by direction of one sub-account',
    {
      since: '2026-03-28T00:00:00Z',
      until: '2026-03-31T00:00:00Z',
      bucket: '1 day',
      starts: hoursOf('2026-03-28T00:00:00Z', 3, dayMs),
      subAccount: 'busy',
      groupBy: ['direction'],
    },
  ],
]

describe('the figures of generated sessions equal a plain reference', () => {
  let pool: Pool
  let sessions: Session[]

  beforeAll(async () => {
    const database = await createTestDatabase(serverUrl)
    pool = createPool({ databaseUrl: database.url, maxConnections: 1, applicationName: 'vss-test' })
    sessions = await writeMonth(createWriter({ pool, pipelineVersion: 'test' }))
    return async () => {
      await pool.end()
      await database.drop()
    }
  })

  test('the sessions have every status, unknown values and corrections', async () => {
    const { rows } = await pool.query<Record<string, number>>(
      `SELECT count(*)::integer AS all, count(DISTINCT status)::integer AS statuses, count(DISTINCT mos_band)::integer AS bands,
         (count(*) FILTER (WHERE revision > 1))::integer AS corrected,
         (count(*) FILTER (WHERE answered AND talk_seconds IS NULL))::integer AS untimed
       FROM vss.sessions`,
    )
    expect(rows[0]!.all).toBe(sessions.length)
    expect(rows[0]!.statuses).toBeGreaterThanOrEqual(10)
    expect(rows[0]).toMatchObject({ bands: 5 })
    expect(rows[0]!.corrected).toBeGreaterThan(20)
    expect(rows[0]!.untimed).toBeGreaterThan(0)
  })

  test.each(questions)('%s, counted from the rows', async (_, question) => {
    expect(await currentHours(pool)).toBe(0)
    await expectReference(pool, sessions, question)
  })

  describe('after the hours were counted', () => {
    beforeAll(() => refreshAll(pool))

    test.each(questions)('%s', async (_, question) => {
      expect(await currentHours(pool)).toBeGreaterThan(100)
      await expectReference(pool, sessions, question)
    })
  })
})

const start = Date.UTC(2026, 0, 5, 10)
const threeHours: Question = {
  since: '2026-01-05T10:00:00Z',
  until: '2026-01-05T13:00:00Z',
  bucket: '1 hour',
  starts: hoursOf('2026-01-05T10:00:00Z', 3),
}

test('hours that were counted are read from vss.figures, unless they do not lie within a bucket', async () => {
  const { pool, writer } = await openStorage()
  await writer.write([0, 1, 2].map((hour) => delivery(callAt(start + hour * hourMs))))
  await refreshAll(pool)
  await pool.query('UPDATE vss.figures SET attempts = attempts + 100')

  expect(await attemptsOf(pool, threeHours)).toEqual([101, 101, 101])
  expect(await attemptsOf(pool, { ...threeHours, bucket: '90 minutes' })).toEqual([102, 101])
  expect(await attemptsOf(pool, { ...threeHours, since: '2026-01-05T09:59:00Z' })).toEqual([1, 1, 1, 0])
})

test('figures follow new, corrected, moved and deleted sessions at once, and after each refresh', async () => {
  const { pool, writer } = await openStorage()
  let stored = [0, 1, 2].flatMap((hour) => [callAt(start + hour * hourMs), callAt(start + hour * hourMs + 1)])
  async function expectBoth(): Promise<void> {
    await expectReference(pool, stored, threeHours)
    await refreshAll(pool)
    await expectReference(pool, stored, threeHours)
    await expectReference(pool, stored, { ...threeHours, groupBy: ['country_pair'] })
  }
  await writer.write(stored.map((content) => delivery(content)))
  await expectBoth()

  const [first, second, ...others] = stored as [Session, Session, ...Session[]]
  const corrected = { ...first, status: 'BUSY', answered: false, mosMin: 2, mosBand: 'bad' as const }
  const moved = { ...second, startedAtMs: second.startedAtMs + 2 * hourMs }
  const added = callAt(start + 5)
  await writer.write([corrected, moved, added].map((content) => delivery(content)))
  stored = [corrected, moved, added, ...others]
  await expectBoth()

  await pool.query('DELETE FROM vss.sessions WHERE session_id = ANY ($1)', [
    [corrected.sessionId, others[0]!.sessionId],
  ])
  stored = [moved, added, ...others.slice(1)]
  await expectBoth()

  await pool.query('TRUNCATE vss.sessions CASCADE')
  stored = []
  await expectBoth()
})

test('a session of a transaction that was open during the refresh is counted', async () => {
  const { pool, writer, url } = await openStorage()
  await writer.write([delivery(callAt(start))])
  await refreshAll(pool)
  const other = await openPool(url).connect()
  onTestFinished(() => other.release())
  await other.query('BEGIN')
  await other.query(
    `INSERT INTO vss.sessions SELECT (jsonb_populate_record(session, '{"session_id": "00000000-0000-4000-8000-000000000001"}')).*
     FROM vss.sessions AS session`,
  )
  await other.query('UPDATE vss.sessions SET change_xid = pg_current_xact_id()')
  // Its transaction id is older than this one.
  await writer.write([delivery(callAt(start + hourMs))])
  await refreshAll(pool)
  expect(await attemptsOf(pool, threeHours)).toEqual([1, 1, 0])

  await other.query('COMMIT')

  expect(await attemptsOf(pool, threeHours)).toEqual([2, 1, 0])
  await refreshAll(pool)
  expect(await attemptsOf(pool, threeHours)).toEqual([2, 1, 0])
})

test('figures equal the rows of the same snapshot, whoever writes, deletes and refreshes meanwhile', async () => {
  const { pool, url } = await openStorage()
  const ids = Array.from({ length: 60 }, () => session().sessionId)
  let isOver = false
  let refreshed = 0
  let compared = 0

  async function write(seed: number): Promise<void> {
    const random = createRandom(seed)
    const writer = createWriter({ pool: openPool(url), pipelineVersion: 'test' })
    for (let writes = 0; writes < 60; writes++) {
      const some = Array.from({ length: 5 }, () =>
        delivery({
          ...callAt(start + random.int(0, 5) * hourMs),
          sessionId: random.pick(ids),
          answered: random.chance(0.5),
        }),
      )
      await writer.write(some)
      if (random.chance(0.2))
        await pool.query('DELETE FROM vss.sessions WHERE session_id = $1', [random.pick(ids)])
    }
  }
  async function refresh(): Promise<void> {
    const own = openPool(url)
    while (!isOver) {
      const { rows } = await own.query<{ hours: number }>(`SELECT vss.refresh_figures(3, '0') AS hours`)
      refreshed += rows[0]!.hours
    }
  }
  async function compare(): Promise<void> {
    const own = openPool(url)
    while (!isOver) {
      const { rows } = await own.query<{ figures: string; rows: string }>(
        `SELECT
           (SELECT (attempts, answered, minutes)::text
            FROM vss.traffic('2026-01-05T10:00:00Z', '2026-01-05T16:00:00Z')) AS figures,
           (SELECT (count(*), count(*) FILTER (WHERE answered), coalesce(sum(talk_seconds), 0) / 60)::text
            FROM vss.sessions) AS rows`,
      )
      expect(rows[0]!.figures).toBe(rows[0]!.rows)
      compared += 1
    }
  }

  const watching = Promise.all([refresh(), compare(), compare()])
  await Promise.all([write(1), write(2), write(3)]).finally(() => {
    isOver = true
  })
  await watching

  expect(refreshed).toBeGreaterThan(10)
  expect(compared).toBeGreaterThan(10)
})

test('on another server, such as after a restore, the figures are counted anew', async () => {
  const { pool, writer } = await openStorage()
  await writer.write([delivery(callAt(start))])
  await refreshAll(pool)
  await pool.query('UPDATE vss.figures SET attempts = attempts + 100')
  await pool.query('UPDATE vss.figures_progress SET system_identifier = 1')

  expect(await attemptsOf(pool, threeHours)).toEqual([1, 0, 0])
  await refreshAll(pool)
  expect(await currentHours(pool)).toBe(1)
  expect(await attemptsOf(pool, threeHours)).toEqual([1, 0, 0])
})

test('a refresh leaves hours alone that have just changed, and yields to one that is under way', async () => {
  const { pool, writer, url } = await openStorage()
  await writer.write([delivery(callAt(start))])
  const refresh = async (db: { query: Pool['query'] }, settled: string) =>
    (await db.query<{ hours: number }>('SELECT vss.refresh_figures(10, $1) AS hours', [settled])).rows[0]!
      .hours
  expect(await refresh(pool, '5 minutes')).toBe(0)
  expect(await refresh(pool, '5 minutes')).toBe(0)
  const other = await openPool(url).connect()
  onTestFinished(() => other.release())
  await other.query('BEGIN')
  expect(await refresh(other, '0')).toBe(1)

  expect(await refresh(pool, '0')).toBe(0)

  await other.query('COMMIT')
  expect(await currentHours(pool)).toBe(1)
  expect(await refresh(pool, '0')).toBe(0)
})

test.each([
  ['NULL, now()', 'since is NULL and until is'],
  [`now(), now()`, 'give two times, the earlier one first'],
  [`now(), 'infinity'`, 'give two times, the earlier one first'],
  [
    `'2026-01-01', '2026-01-02', '59 seconds'`,
    'bucket is 00:00:59: give an interval from 1 minute to 10 years',
  ],
  [`'2026-01-01', '2026-01-02', NULL`, 'bucket is NULL: give an interval from 1 minute to 10 years'],
  [`'2026-01-01', '2026-01-02', '-1 day'`, 'bucket is -1 days: give an interval'],
  [`'2026-01-31', '2026-06-02', '1 month -29 days'`, 'its steps go back'],
  [`'2020-01-01', '2026-01-02', '1 minute'`, 'more than 10000 buckets'],
  [`'2026-01-01', '2026-01-02', group_by => '{caller}'`, 'group_by is {caller}'],
  [`'2026-01-01', '2026-01-02', group_by => NULL`, 'group_by is NULL'],
  [
    `'2026-01-01', '2026-01-02', group_by => '{NULL}'`,
    'give a list of {sub_account,direction,legs,country_pair}',
  ],
  [`'2026-01-01', '2026-01-02', count_callees => NULL`, 'count_callees is NULL'],
])('vss.traffic(%s) says what is wrong', async (args, message) => {
  const { pool } = await openStorage()

  const asked = pool.query(`SELECT * FROM vss.traffic(${args})`)

  await expect(asked).rejects.toMatchObject({ code: '22023', message: expect.stringContaining(message) })
})

test.each([
  ['max_hours => 0', 'max_hours is 0: give 1 to 100'],
  ['settled => NULL', 'settled is NULL: give an interval of 0 or more'],
])('vss.refresh_figures(%s) says what is wrong', async (args, message) => {
  const { pool } = await openStorage()

  await expect(pool.query(`SELECT vss.refresh_figures(${args})`)).rejects.toMatchObject({
    code: '22023',
    message,
  })
})

test('months that begin on a 31st end with their months', async () => {
  const { pool } = await openStorage()
  await pool.query(`SET TimeZone = 'UTC'`)

  const { rows } = await pool.query<{ day: string }>(
    `SELECT bucket_start::date::text AS day FROM vss.traffic('2026-01-31', '2026-06-01', '1 month')`,
  )

  expect(rows.map(({ day }) => day)).toEqual([
    '2026-01-31',
    '2026-02-28',
    '2026-03-31',
    '2026-04-30',
    '2026-05-31',
  ])
})

test('a worker counts the hours that have settled', async () => {
  const { pool, writer, url } = await openStorage()
  await writer.write([delivery(callAt(start))])
  // The call marks the hour.
  await pool.query('SELECT vss.refresh_figures()')
  await pool.query(`UPDATE vss.figure_hours SET changed_at = now() - interval '6 minutes'`)
  expect(await currentHours(pool)).toBe(0)

  await startRunningPipeline({ databaseUrl: url })

  await until('The figures of the hour', async () => (await currentHours(pool)) === 1, { timeoutMs: 20_000 })
})

async function openStorage() {
  const { url, drop } = await createTestDatabase(serverUrl)
  onTestFinished(drop)
  const pool = openPool(url)
  return { url, pool, writer: createWriter({ pool, pipelineVersion: 'test' }) }
}

function callAt(startedAtMs: number): Session {
  return session({ startedAtMs, endedAtMs: startedAtMs + 20_000 })
}

/** Writes a made-up month, and sessions of the shapes that it lacks. @returns the sessions as they end up. */
async function writeMonth(writer: Writer): Promise<Session[]> {
  const current = new Map<string, Session>()
  const receivedAtMs = period.untilMs
  for (const { body } of generateEvents({ seed: 'figures', count: 3000, dirtyShare: 0.4, period })) {
    const validation = validateEvent(body)
    if (!validation.ok) continue
    const content = enrichSession(validation.session, receivedAtMs)
    current.set(content.sessionId, content)
    if (current.size % 100 === 0) await writer.write([delivery(content)])
  }
  const at = (hour: number) => ({ startedAtMs: Date.UTC(2026, 2, 31, hour, 0, 0, 1) })
  const odd = [
    ...['COMPLETED', 'COMPLETED_UNSUB_ERROR', 'UNSUBSCRIBED_CONTACT', 'RINGING'].map((status) =>
      session({ ...at(9), status, answered: false, ringSeconds: null, talkSeconds: 0 }),
    ),
    session({ ...at(9), subAccountId: 'busy', talkSeconds: null }),
    session({ ...at(9), subAccountId: 'busy', talkSeconds: 5.999, ringSeconds: 1.234 }),
    session({
      ...at(9),
      subAccountId: 'busy',
      talkSeconds: 6,
      mosMin: 4.123456,
      packetLossMax: 0.0123456,
      jitterMsMax: 17.7,
    }),
    session({ ...at(10), legs: [], callee: null, answered: false, mosMin: null, mosBand: null }),
    session({ ...at(10), legs: [callLeg('A', { direction: null, sourceCountry: null })], callee: null }),
    session({ ...at(10), legs: [callLeg('A'), callLeg('B', { destination: null })], callee: null }),
    session({
      ...at(11),
      callee: '+6560000009',
      legs: [
        callLeg('A'),
        callLeg('B', { destination: '+6560000008', destinationCountry: 'MY' }),
        callLeg('C', { destination: '+6560000009', destinationCountry: 'TH' }),
        callLeg('D', { direction: 'INBOUND', destination: '+6560000009', destinationCountry: 'VN' }),
      ],
    }),
    session({
      ...at(12),
      legs: [callLeg('A'), callLeg('B', { destinationCountry: null, destination: '+6560000002' })],
    }),
  ]
  const all = [...current.values(), ...odd]
  for (let first = 0; first < all.length; first += 200) {
    await writer.write(all.slice(first, first + 200).map((content) => delivery(content)))
  }
  // Corrections of a few, in their content and in their time.
  const corrections = all.slice(0, 60).map((content, number) => ({
    ...content,
    clientRequestId: `corrected-${number}`,
    status: number % 2 === 0 ? content.status : 'FAILED',
    startedAtMs: content.startedAtMs + (number % 3) * hourMs,
  }))
  await writer.write(corrections.map((content) => delivery(content)))
  return [...corrections, ...all.slice(60)]
}

async function refreshAll(pool: Pool): Promise<void> {
  // The first call may only mark hours, which the next ones count.
  await pool.query('SELECT vss.refresh_figures()')
  for (let hours = 1; hours > 0; ) {
    const { rows } = await pool.query<{ hours: number }>(`SELECT vss.refresh_figures(100, '0') AS hours`)
    hours = rows[0]!.hours
  }
}

async function currentHours(pool: Pool): Promise<number> {
  const { rows } = await pool.query<{ count: number }>(
    'SELECT count(*)::integer AS count FROM vss.figure_hours WHERE is_current',
  )
  return rows[0]!.count
}

async function ask(pool: Pool, question: Question) {
  const { since, until, bucket, timeZone = 'UTC', subAccount, groupBy = [] } = question
  const client = await pool.connect()
  try {
    await client.query(`SELECT set_config('TimeZone', $1, false)`, [timeZone])
    const { rows } = await client.query<Record<string, unknown>>(
      'SELECT * FROM vss.traffic($1::timestamptz, $2::timestamptz, $3::interval, $4, $5, count_callees => true)',
      [since, until, bucket, subAccount ?? null, groupBy],
    )
    return rows
  } finally {
    await client.query('RESET TimeZone')
    client.release()
  }
}

async function attemptsOf(pool: Pool, question: Question): Promise<number[]> {
  return (await ask(pool, question)).map(({ attempts }) => Number(attempts))
}

async function expectReference(pool: Pool, sessions: readonly Session[], question: Question): Promise<void> {
  const { until, starts, subAccount, groupBy } = question
  const answered = (await ask(pool, question)).map((row) => {
    const { bucket_start, bucket_end, sub_account_id, direction, legs, country_pair, ...figures } = row
    return {
      bucketStart: (bucket_start as Date).getTime(),
      bucketEnd: (bucket_end as Date).getTime(),
      group: [sub_account_id, direction, legs, country_pair],
      figures: Object.fromEntries(
        Object.entries(figures).map(([name, value]) => [name, value === null ? null : Number(value)]),
      ),
    }
  })
  const untilMs = Date.parse(until)
  const startsMs = starts.map((text) => Date.parse(text))
  const expected = trafficOf(sessions, {
    starts: startsMs,
    untilMs,
    ...(subAccount !== undefined && { subAccount }),
    ...(groupBy !== undefined && { groupBy }),
  })
  const inOrder = (rows: { bucketStart: number; group: unknown[] }[]) =>
    rows.map(({ bucketStart, group }) => JSON.stringify([bucketStart, group])).sort()
  expect(inOrder(answered)).toEqual(inOrder(expected))
  for (const row of answered) {
    const next = startsMs[startsMs.indexOf(row.bucketStart) + 1]
    expect(row.bucketEnd).toBe(next ?? untilMs)
    const figures = expected.find(
      ({ bucketStart, group }) =>
        bucketStart === row.bucketStart && JSON.stringify(group) === JSON.stringify(row.group),
    )!.figures
    expect(Object.keys(row.figures).sort()).toEqual(Object.keys(figures).sort())
    expect(row.figures, JSON.stringify(row.group)).toEqual(
      Object.fromEntries(Object.entries(figures).map(([name, value]) => [name, nearly(value)])),
    )
  }
}

/** Sums of floating-point numbers depend on their order, and some figures are rounded to five decimals. */
function nearly(value: number | null): unknown {
  if (value === null) return value
  return expect.closeTo(value, Math.abs(value) > 100 ? 3 : 4)
}
