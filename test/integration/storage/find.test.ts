import { findSessions, readNumberSearch, type SessionSearch } from '@vss-pipeline/reader'
import { createPool, type Pool } from '@vss-pipeline/storage'
import { beforeAll, describe, expect, inject, test } from 'vitest'
import { findStatement, legStatement, type Statement } from '../../../packages/reader/src/find.ts'
import { backwards } from '../../../packages/reader/src/numbers.ts'
import { createTestDatabase } from '../../support/databases.ts'
import { callLeg, delivery, session } from '../../support/entries.ts'
import { openStorage } from '../../support/open-storage.ts'

const firstAtMs = Date.parse('2026-03-01T10:00:00.000Z')

describe('a person is found by a number', () => {
  test('as caller, as callee and on any other leg, but not by the number between them', async () => {
    const { pool, writer } = await openStorage()
    const call = session({
      caller: '+12025550001',
      callee: '+12025550002',
      virtualNumber: '+12025550009',
      legs: [
        callLeg('A', { source: '+12025550001', destination: '+12025550009' }),
        callLeg('B', { source: '+12025550009', destination: '+12025550002' }),
        callLeg('C', { source: '+12025550009', destination: '+12025550003' }),
        callLeg('D', { direction: 'SIDEWAYS', source: null, destination: '+12025550004' }),
        callLeg('E', { direction: null, source: null, destination: '+12025550005' }),
      ],
    })
    await writer.write([delivery(call), delivery(session())])

    for (const last of [1, 2, 3, 4, 5]) {
      expect(await idsOf(pool, `+1 202 555 000${last}`), String(last)).toEqual([call.sessionId])
    }
    expect(await idsOf(pool, '+12025550009')).toEqual([])
    const { sessions } = await findSessions(pool, {
      virtualNumber: readNumberSearch('(202) 555-0009')!,
      limit: 10,
    })
    expect(sessions.map(({ sessionId }) => sessionId)).toEqual([call.sessionId])
  })

  test.each([
    ['+12025550123', ['+1 (202) 555-0123', '0012025550123', '12025550123', '2025550123', '0123']],
    ['12025550123', ['+12025550123', 'tel:+1-202-555-0123', '550123']],
    ['0012025550123', ['+12025550123', '0012025550123', '5550123']],
    ['tel:+12025550123', ['+12025550123', '5550123']],
    ['02079460958', ['020 7946 0958', '79460958']],
    ['+442079460958', ['020 7946 0958', '+44 (0)20 7946 0958']],
    ['anonymous', ['anonymous']],
    ['sip:alice.b@example.com', ['sip:alice.b@example.com']],
  ])('that was sent as %s', async (sent, searched) => {
    const { pool, writer } = await openStorage()
    const call = session({ legs: [callLeg('A', { source: sent })] })
    const other = session({ legs: [callLeg('A', { source: '+6581234567' })] })
    await writer.write([delivery(call), delivery(other)])

    for (const text of searched) expect(await idsOf(pool, text), text).toEqual([call.sessionId])
    for (const text of ['+2025550123', '+1202555012', '55501234', 'anonymou']) {
      expect(await idsOf(pool, text), text).toEqual([])
    }
  })
})

test('Postgres and the reader turn a text round in the same way', async () => {
  const { pool } = await openStorage()
  const texts = ['+12025550123', '訂單 👍 +7', 'e\u0301', '', '%_\\']

  const { rows } = await pool.query<{ key: string }>(
    'SELECT reverse(text) AS key FROM unnest($1::text[]) AS text',
    [texts],
  )

  expect(rows.map(({ key }) => key)).toEqual(texts.map(backwards))
})

test('each condition leaves out the sessions to which it does not apply', async () => {
  const { pool, writer } = await openStorage()
  const callId = '1f048a83-ea6d-11ee-911b-e9023a97c284'
  const common = {
    startedAtMs: firstAtMs,
    clientRequestId: 'order-7',
    subAccountId: 'acme',
    status: 'BUSY',
    virtualNumber: '+6561112222',
    anomalies: ['no_legs', 'unknown_field'] as const,
    legs: [callLeg('A', { callId })],
  }
  const wanted = session({ ...common, anomalies: [...common.anomalies] })
  const others = [
    { startedAtMs: firstAtMs - 1 },
    { startedAtMs: firstAtMs + 1 },
    { clientRequestId: 'order-77' },
    { clientRequestId: null },
    { subAccountId: 'acme2' },
    { status: 'COMPLETED' },
    { virtualNumber: '+6561112223' },
    { anomalies: ['unknown_field'] as const },
    { legs: [callLeg('A')] },
    { legs: [callLeg('A', { callId, source: '+6581234567' })] },
  ].map((change) => session({ ...common, anomalies: [...common.anomalies], ...change } as typeof wanted))
  await writer.write([wanted, ...others].map((one) => delivery(one)))
  const search: SessionSearch = {
    number: readNumberSearch('+12025550123')!,
    virtualNumber: readNumberSearch('+6561112222')!,
    callId: callId.toUpperCase(),
    clientRequestId: 'order-7',
    subAccountId: 'acme',
    statuses: ['BUSY', 'FAILED'],
    anomaly: 'no_legs',
    since: new Date(firstAtMs),
    until: new Date(firstAtMs + 1),
    limit: 10,
  }

  expect(await findSessions(pool, search)).toMatchObject({
    sessions: [{ sessionId: wanted.sessionId, startedAt: '2026-03-01T10:00:00.000Z', status: 'BUSY' }],
    next: null,
  })
  expect(await findSessions(pool, { ...search, callId: 'no-uuid' })).toEqual({ sessions: [], next: null })
  for (const before of ['yesterday', `2026-02-30T00:00:00.000Z_${wanted.sessionId}`]) {
    await expect(findSessions(pool, { ...search, before })).rejects.toMatchObject({ code: 'no_place' })
  }
})

test('pages show every session once, also where many begin at the same time', async () => {
  const { pool, writer } = await openStorage()
  const sessions = Array.from({ length: 25 }, (_, index) =>
    session({ startedAtMs: firstAtMs + 1_000 * Math.floor(index / 10) }),
  )
  await writer.write(sessions.map((one) => delivery(one)))

  const pages: string[][] = []
  let next: string | null = null
  do {
    const page = await findSessions(pool, { limit: 7, ...(next !== null && { before: next }) })
    pages.push(page.sessions.map(({ sessionId }) => sessionId))
    next = page.next
  } while (next !== null)

  const expected = sessions
    .toSorted(
      (one, other) => other.startedAtMs - one.startedAtMs || (one.sessionId < other.sessionId ? 1 : -1),
    )
    .map(({ sessionId }) => sessionId)
  expect(pages.map((page) => page.length)).toEqual([7, 7, 7, 4])
  expect(pages.flat()).toEqual(expected)
})

describe('of 200,000 sessions', () => {
  let pool: Pool

  beforeAll(async () => {
    const database = await createTestDatabase(inject('databaseUrl'))
    pool = createPool({ databaseUrl: database.url, maxConnections: 1, applicationName: 'vss-test' })
    await fill(pool)
    return async () => {
      await pool.end()
      await database.drop()
    }
  })

  const number = { number: readNumberSearch('+65 8100 0700')! }
  const day = { since: new Date('2026-03-10'), until: new Date('2026-03-11') }
  test.each<[string, Omit<SessionSearch, 'limit'>, string]>([
    ['a number', number, 'call_legs_number_backwards_idx'],
    [
      'a number and a day',
      { ...number, since: new Date('2026-03-01'), until: day.until },
      'call_legs_number_backwards_idx',
    ],
    ['the end of a number', { number: readNumberSearch('8100 0700')! }, 'call_legs_number_backwards_idx'],
    ['four digits', { number: readNumberSearch('0700')! }, 'call_legs_number_backwards_idx'],
    ['a call id', { callId: '00000000-0000-4000-8000-0000000000a1' }, 'call_legs_call_id_idx'],
    ['a request id', { clientRequestId: 'request-700' }, 'sessions_client_request_id_idx'],
    ['a sub-account and a day', { subAccountId: 'account-7', ...day }, 'sessions_started_at_sub_account_idx'],
    ['a status and a day', { statuses: ['BUSY'], ...day }, 'sessions_started_at_sub_account_idx'],
    ['an anomaly and a day', { anomaly: 'no_legs', ...day }, 'sessions_started_at_sub_account_idx'],
    ['the latest', {}, 'sessions_started_at_sub_account_idx'],
  ])('%s is found by an index', async (_, conditions, index) => {
    const search = { ...conditions, limit: 20 }
    const legs = legStatement(search)
    const known = legs && (await pool.query(legs.text, legs.values)).rows.map((row) => row.session_id)
    const statements = [...(legs ? [legs] : []), findStatement(search, known)]

    const plans = (await Promise.all(statements.map((statement) => explain(pool, statement)))).join('\n')

    expect(plans).toContain(index)
    expect(plans).not.toMatch(/Seq Scan/)
    expect((await findSessions(pool, search)).sessions).not.toEqual([])
  })

  test('the old sessions of a number are not looked for among all newer ones', async () => {
    const { rows } = await pool.query<{ id: string }>(
      'SELECT session_id AS id FROM vss.sessions ORDER BY started_at LIMIT 9000',
    )
    const oldest = rows.map(({ id }) => id)

    const plan = await explain(pool, findStatement({ ...number, limit: 20 }, oldest))

    expect(plan).toContain('sessions_pkey')
    expect(plan).not.toContain('sessions_started_at_sub_account_idx')
  })

  test('a status that no session has is looked for in its time alone', async () => {
    const client = await pool.connect()
    const plans: string[] = []
    client.on('notice', ({ message }) => plans.push(message ?? ''))
    await client.query(
      `LOAD 'auto_explain'; SET auto_explain.log_min_duration = 0; SET auto_explain.log_level = notice`,
    )
    client.release()
    const days = { since: new Date('2026-03-10'), until: new Date('2026-03-22') }

    await findSessions(pool, { statuses: ['RINGING'], ...days, limit: 20 })

    expect(plans.join('\n')).toContain('sessions_started_at_sub_account_idx')
    expect(plans.join('\n')).not.toMatch(/Seq Scan/)
  })

  test('a number of very many sessions is found in the order of time', async () => {
    const busy: SessionSearch = { number: readNumberSearch('+6590000000')!, limit: 5 }

    expect(await explain(pool, findStatement(busy, null))).not.toMatch(/Seq Scan|Hash/)
    const { sessions, next } = await findSessions(pool, busy)

    const { rows } = await pool.query<{ id: string }>(
      `SELECT session_id AS id FROM vss.sessions
       WHERE session_id IN (SELECT session_id FROM vss.leg_numbers WHERE number = '+6590000000')
       ORDER BY started_at DESC, session_id DESC LIMIT 5`,
    )
    expect(sessions.map(({ sessionId }) => sessionId)).toEqual(rows.map(({ id }) => id))
    expect(next).not.toBeNull()
  })
})

/** Sessions of a month with two legs each. Every tenth calls the same number. */
async function fill(pool: Pool): Promise<void> {
  await pool.query(
    `INSERT INTO vss.sessions (session_id, sub_account_id, status, started_at, ended_at, client_request_id, answered,
       caller, callee, anomalies, revision, delivery_id, received_at, body_sha256, processed_at, pipeline_version)
     SELECT md5(number::text)::uuid, 'account-' || number % 20, CASE number % 9 WHEN 0 THEN 'BUSY' ELSE 'COMPLETED' END,
       started_at, started_at, CASE number % 4 WHEN 0 THEN 'request-' || number END, true,
       NULL, NULL, CASE number % 50 WHEN 0 THEN '{no_legs}' ELSE '{}' END::text[],
       1, md5(number::text)::uuid, started_at, sha256(''), started_at, 'test'
     FROM generate_series(1, 200000) AS number,
       LATERAL (SELECT timestamptz '2026-03-01Z' + number * interval '13 s' AS started_at) AS time`,
  )
  await pool.query(
    `INSERT INTO vss.call_legs (session_id, leg, call_id, direction, source, destination)
     SELECT md5(number::text)::uuid, leg,
       ('00000000-0000-4000-8000-' || lpad(to_hex(number * 2 + ascii(leg) % 2), 12, '0'))::uuid,
       direction,
       CASE direction WHEN 'INBOUND' THEN '+65' || 81000000 + number ELSE '+6560000001' END,
       CASE direction WHEN 'INBOUND' THEN '+6560000001'
         ELSE '+65' || CASE number % 10 WHEN 0 THEN 90000000 ELSE 92000000 + number END END
     FROM generate_series(1, 200000) AS number,
       (VALUES ('A', 'INBOUND'), ('B', 'OUTBOUND')) AS legs (leg, direction)`,
  )
  await pool.query('VACUUM (ANALYZE) vss.sessions, vss.call_legs')
}

async function explain(pool: Pool, { text, values }: Statement): Promise<string> {
  const { rows } = await pool.query<{ 'QUERY PLAN': string }>(`EXPLAIN ${text}`, values)
  return rows.map((row) => row['QUERY PLAN']).join('\n')
}

async function idsOf(pool: Pool, number: string): Promise<string[]> {
  const { sessions } = await findSessions(pool, { number: readNumberSearch(number)!, limit: 10 })
  return sessions.map(({ sessionId }) => sessionId)
}
