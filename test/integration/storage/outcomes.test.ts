import { readFile } from 'node:fs/promises'
import { readDelivery, readSession } from '@vss-pipeline/reader'
import { createWriter } from '@vss-pipeline/storage'
import { type CallLeg, enrichSession, type LedgerEntry, type Session, validateEvent } from '@vss-pipeline/vss'
import { describe, expect, test } from 'vitest'
import { callLegColumns, columnsFrom, sessionColumns } from '../../../packages/storage/src/columns.ts'
import type { PostgresType } from '../../../packages/storage/src/postgres-types.ts'
import { countLedgerByOutcome, readBody } from '../../support/accounting.ts'
import { asRead } from '../../support/as-read.ts'
import { connect } from '../../support/databases.ts'
import { callLeg, delivery, rejectedDelivery, session } from '../../support/entries.ts'
import { openStorage, type Storage } from '../../support/open-storage.ts'
import { lockSession, waitingBackends } from './locks.ts'

const now = Date.now()
const sameUuid = 'c0ffee00-0000-4000-8000-00000000abcd'
const sameLeg = callLeg('A')

test('a first delivery is stored with every value as it was given', async () => {
  const { pool, writer } = await openStorage()
  const content = session()
  const entry = delivery(content)

  expect(await writer.write([entry])).toEqual([
    { deliveryId: entry.deliveryId, outcome: 'stored', reasons: [], entry },
  ])

  const stored = await readSession(pool, content.sessionId)
  const { legs, ...columns } = content
  expect(stored?.session).toMatchObject(asRead(columns))
  expect(stored?.session).toMatchObject({
    revision: 1,
    deliveryId: entry.deliveryId,
    receivedAt: new Date(entry.receivedAtMs).toISOString(),
    pipelineVersion: '1.2.3',
  })
  expect(stored?.legs).toEqual(legs.map(asRead))
  expect(stored?.deliveries).toMatchObject([
    { deliveryId: entry.deliveryId, outcome: 'stored', reasons: [], sessionId: content.sessionId },
  ])
})

test('a session with only its required values, without legs, is stored', async () => {
  const { pool, writer } = await openStorage()
  const empty = Object.fromEntries(Object.keys(session()).map((name) => [name, null]))
  const { sessionId, subAccountId, status, startedAtMs, endedAtMs } = session()
  const content = session({
    ...empty,
    sessionId,
    subAccountId,
    status,
    startedAtMs,
    endedAtMs,
    answered: false,
    legs: [],
    anomalies: [],
  })

  expect(await writer.write([delivery(content, { sourceIp: null })])).toMatchObject([{ outcome: 'stored' }])

  const stored = await readSession(pool, sessionId)
  const { legs, ...columns } = content
  expect(stored?.session).toMatchObject(asRead(columns))
  expect(stored?.legs).toEqual(legs.map(asRead))
})

test('a leg with only its letter is stored', async () => {
  const { pool, writer } = await openStorage()
  const empty = Object.fromEntries(Object.keys(callLeg('C')).map((name) => [name, null]))
  const content = session({ legs: [callLeg('C', { ...empty, leg: 'C' })] })

  await writer.write([delivery(content)])

  expect((await readSession(pool, content.sessionId))?.legs).toEqual(content.legs.map(asRead))
})

test('a repeated delivery leaves one row and is not reported again', async () => {
  const { pool, writer } = await openStorage()
  const entry = delivery(session())

  expect(await writer.write([entry])).toHaveLength(1)
  expect(await writer.write([entry])).toEqual([])
  expect(await writer.write([entry, entry])).toEqual([])

  expect(await countLedgerByOutcome(pool)).toEqual({ stored: 1, duplicate: 0, superseded: 0, rejected: 0 })
})

test('a delivery that comes twice in one write counts once', async () => {
  const { pool, writer } = await openStorage()
  const entry = delivery(session())

  expect(await writer.write([entry, { ...entry }])).toMatchObject([{ outcome: 'stored' }])

  expect(await countLedgerByOutcome(pool)).toMatchObject({ stored: 1, duplicate: 0 })
})

test('the same delivery under a newer id is a duplicate, and only says how new the row is', async () => {
  const { pool, writer } = await openStorage()
  const content = session()
  await writer.write([delivery(content, { receivedAtMs: now })])
  const before = await readSession(pool, content.sessionId)
  const again = delivery(content, { receivedAtMs: now + 1 })

  expect(await writer.write([again])).toMatchObject([{ outcome: 'duplicate' }])

  const after = await readSession(pool, content.sessionId)
  expect(after?.session).toEqual({
    ...before?.session,
    deliveryId: again.deliveryId,
    receivedAt: new Date(now + 1).toISOString(),
  })
  expect(after?.legs).toEqual(before?.legs)
})

test('the same delivery under an older id is a duplicate, and changes nothing', async () => {
  const { pool, writer } = await openStorage()
  const content = session()
  await writer.write([delivery(content, { receivedAtMs: now })])
  const before = await readSession(pool, content.sessionId)

  expect(await writer.write([delivery(content, { receivedAtMs: now - 1 })])).toMatchObject([
    { outcome: 'duplicate' },
  ])

  expect((await readSession(pool, content.sessionId))?.session).toEqual(before?.session)
})

test('a newer delivery with other content replaces the row and its legs, and counts a revision', async () => {
  const { pool, writer } = await openStorage()
  const first = session({ legs: [callLeg('A'), callLeg('B'), callLeg('C')] })
  const corrected = session({
    sessionId: first.sessionId,
    status: 'BUSY',
    legs: [callLeg('B'), callLeg('D')],
  })
  await writer.write([delivery(first, { receivedAtMs: now })])

  expect(await writer.write([delivery(corrected, { receivedAtMs: now + 1 })])).toMatchObject([
    { outcome: 'stored' },
  ])

  const stored = await readSession(pool, first.sessionId)
  expect(stored?.session).toMatchObject({ status: 'BUSY', revision: 2 })
  expect(stored?.legs).toEqual(corrected.legs.map(asRead))
})

test('an older delivery with other content is superseded, and changes nothing', async () => {
  const { pool, writer } = await openStorage()
  const current = session()
  await writer.write([delivery(current, { receivedAtMs: now })])
  const before = await readSession(pool, current.sessionId)
  const older = session({ sessionId: current.sessionId, status: 'BUSY' })

  expect(await writer.write([delivery(older, { receivedAtMs: now - 1 })])).toMatchObject([
    { outcome: 'superseded' },
  ])

  const after = await readSession(pool, current.sessionId)
  expect(after?.session).toEqual(before?.session)
  expect(after?.legs).toEqual(before?.legs)
})

test('the delivery with the greater id decides where two came in the same millisecond', async () => {
  const { pool, writer } = await openStorage()
  const one = session()
  const other = session({ sessionId: one.sessionId, status: 'BUSY' })
  const [smaller, greater] = [
    delivery(one, { receivedAtMs: now }),
    delivery(other, { receivedAtMs: now }),
  ].sort((a, b) => (a.deliveryId < b.deliveryId ? -1 : 1))

  await writer.write([greater!])
  expect(await writer.write([smaller!])).toMatchObject([{ outcome: 'superseded' }])

  expect((await readSession(pool, one.sessionId))?.session.deliveryId).toBe(greater?.deliveryId)
})

test('one write stores only the newest delivery of a session, and judges the others by it', async () => {
  const { pool, writer } = await openStorage()
  const draft = session()
  const final = session({ sessionId: draft.sessionId, status: 'BUSY' })
  const entries = [
    delivery(final, { receivedAtMs: now + 3 }),
    delivery(draft, { receivedAtMs: now + 1 }),
    delivery(final, { receivedAtMs: now + 2 }),
  ]

  const outcomes = outcomesById(await writer.write(entries))

  expect(entries.map((entry) => outcomes[entry.deliveryId])).toEqual(['stored', 'superseded', 'duplicate'])
  expect((await readSession(pool, draft.sessionId))?.session).toMatchObject({ status: 'BUSY', revision: 1 })
})

test('one write judges all deliveries by the stored row when that is newer than they are', async () => {
  const { pool, writer } = await openStorage()
  const draft = session()
  const final = session({ sessionId: draft.sessionId, status: 'BUSY' })
  await writer.write([delivery(final, { receivedAtMs: now + 9 })])
  const entries = [
    delivery(draft, { receivedAtMs: now + 3 }),
    delivery(draft, { receivedAtMs: now + 2 }),
    delivery(final, { receivedAtMs: now + 1 }),
  ]

  const outcomes = outcomesById(await writer.write(entries))

  expect(entries.map((entry) => outcomes[entry.deliveryId])).toEqual([
    'superseded',
    'superseded',
    'duplicate',
  ])
  expect((await readSession(pool, draft.sessionId))?.session).toMatchObject({ status: 'BUSY', revision: 1 })
})

test('a change and its reversal in one write leave the stored content as it was', async () => {
  const { pool, writer } = await openStorage()
  const content = session()
  const change = session({ sessionId: content.sessionId, status: 'BUSY' })
  await writer.write([delivery(content, { receivedAtMs: now })])
  const entries = [delivery(change, { receivedAtMs: now + 1 }), delivery(content, { receivedAtMs: now + 2 })]

  const outcomes = outcomesById(await writer.write(entries))

  expect(entries.map((entry) => outcomes[entry.deliveryId])).toEqual(['superseded', 'duplicate'])
  expect((await readSession(pool, content.sessionId))?.session).toMatchObject({
    status: 'COMPLETED',
    revision: 1,
    deliveryId: entries[1]?.deliveryId,
  })
})

test('a rejected delivery is in the ledger with its reasons and its body, and makes no session', async () => {
  const { pool, writer } = await openStorage()
  const { sessionId } = session()
  const reasons = [{ code: 'missing_field' as const, path: 'payload.endTime', message: 'expected a time' }]
  const entry = rejectedDelivery({ verdict: { kind: 'rejected', reasons, sessionId } })

  expect(await writer.write([entry])).toEqual([
    { deliveryId: entry.deliveryId, outcome: 'rejected', reasons, entry },
  ])

  expect(await readDelivery(pool, entry.deliveryId)).toMatchObject({
    outcome: 'rejected',
    reasons,
    sessionId,
    sourceIp: '2001:db8::1',
  })
  expect(await readBody(pool, entry.deliveryId)).toEqual(entry.body)
  expect(await readSession(pool, sessionId)).toBeNull()
})

test('a delivery of a batch that could not be decoded is in the ledger without a body', async () => {
  const { pool, writer } = await openStorage()
  const entry = rejectedDelivery({ body: null, sourceIp: null })

  expect(await writer.write([entry])).toMatchObject([{ outcome: 'rejected' }])

  expect(await readDelivery(pool, entry.deliveryId)).toMatchObject({ bodySha256: null })
  expect(await readBody(pool, entry.deliveryId)).toBeNull()
})

test('a write of no entries does nothing', async () => {
  const { writer } = await openStorage()
  expect(await writer.write([])).toEqual([])
})

describe('the same content in other bytes is a duplicate', () => {
  const variants: [name: string, change: (text: string) => string][] = [
    ['members in another order', (text) => JSON.stringify(JSON.parse(text, reverseMembers))],
    ['white space', (text) => JSON.stringify(JSON.parse(text))],
    ['keys in another case', (text) => text.replaceAll(/"([a-z]\w*)":/gi, (key) => key.toUpperCase())],
    ['escaped characters', (text) => text.replaceAll('/', '\\/').replaceAll('COMPLETED', '\\u0043OMPLETED')],
    [
      'a member that is null instead of absent',
      (text) => text.replace('"payload": {', '"payload": {"errorDetails": null,'),
    ],
  ]

  test.each(variants)('%s', async (_, change) => {
    const { pool, writer } = await openStorage()
    const text = await readFile(new URL('../../fixtures/example-completed.json', import.meta.url), 'utf8')
    expect(change(text)).not.toBe(text)
    const first = received(text, { receivedAtMs: now })
    const again = received(change(text), { receivedAtMs: now + 2 })
    const older = received(change(text), { receivedAtMs: now + 1 })
    await writer.write([first])
    const { sessionId } = contentOf(first)
    const before = await readSession(pool, sessionId)

    expect(await writer.write([again])).toMatchObject([{ outcome: 'duplicate' }])
    expect(await writer.write([older])).toMatchObject([{ outcome: 'duplicate' }])

    const after = await readSession(pool, sessionId)
    const { bodySha256 } = (await readDelivery(pool, again.deliveryId))!
    expect(bodySha256).not.toBe(before?.session.bodySha256)
    expect(after?.session).toEqual({
      ...before?.session,
      deliveryId: again.deliveryId,
      receivedAt: new Date(now + 2).toISOString(),
      bodySha256,
    })
    expect(after?.legs).toEqual(before?.legs)
  })
})

describe('content that Postgres keeps the same is a duplicate', () => {
  const pairs: [name: string, one: Partial<Session>, other: Partial<Session>][] = [
    ['a real that is rounded', { mosMin: 4.1 }, { mosMin: 4.1 }],
    ['reals that are rounded alike', { jitterMsMax: 4.1 }, { jitterMsMax: 4.100000001 }],
    ['half a surrogate pair', { errorMessage: 'a\ud83d' }, { errorMessage: 'a\ufffd' }],
    ['a UUID in upper case', withLeg({ callId: sameUuid.toUpperCase() }), withLeg({ callId: sameUuid })],
    [
      'the end of the calendar',
      { endedAtMs: Date.UTC(9999, 11, 31, 23, 59, 59, 999) },
      { endedAtMs: Date.UTC(9999, 11, 31, 23, 59, 59, 999) },
    ],
    ['no anomaly', { anomalies: [] }, { anomalies: [] }],
    ['a receipt that does not fit', { anomalies: ['implausible_time'] }, { anomalies: [] }],
    [
      'a receipt that fits',
      { anomalies: ['unknown_field'] },
      { anomalies: ['implausible_time', 'unknown_field'] },
    ],
    [
      'an anomaly in another place',
      { anomalyDetails: [{ code: 'unknown_field', path: 'payload.one' }] },
      { anomalyDetails: [{ code: 'unknown_field', path: 'payload.other' }] },
    ],
    [
      'a row from before places were written',
      { anomalyDetails: null },
      { anomalyDetails: [{ code: 'unknown_field', path: 'payload.one' }] },
    ],
  ]

  test.each(pairs)('%s', async (_, one, other) => {
    const { pool, writer } = await openStorage()
    const first = session(one)
    const entry = delivery(first, { receivedAtMs: now })
    await writer.write([entry])
    const before = await readSession(pool, first.sessionId)

    const again = delivery({ ...first, ...other }, { receivedAtMs: now + 1 })
    expect(await writer.write([again])).toMatchObject([{ outcome: 'duplicate' }])

    const { receivedAt, deliveryId, bodySha256, ...content } = before!.session
    expect((await readSession(pool, first.sessionId))?.session).toMatchObject(content)
  })
})

test('another value in any column is other content: newer it is stored, older it is superseded', async () => {
  const { writer } = await openStorage()
  const trials = contentChanges().map(([name, change]) => {
    const content = session()
    return {
      name,
      first: delivery(content, { receivedAtMs: now }),
      newer: delivery(change(content), { receivedAtMs: now + 1 }),
      older: delivery(content, { receivedAtMs: now - 1 }),
    }
  })
  await writer.write(trials.map(({ first }) => first))

  const ofNewer = outcomesById(await writer.write(trials.map(({ newer }) => newer)))
  const ofOlder = outcomesById(await writer.write(trials.map(({ older }) => older)))

  expect(trials.length).toBeGreaterThan(50)
  expect(
    trials.map(({ name, newer, older }) => [name, ofNewer[newer.deliveryId], ofOlder[older.deliveryId]]),
  ).toEqual(trials.map(({ name }) => [name, 'stored', 'superseded']))
})

test('a newer release stores a body that it reads otherwise, and judges older deliveries by that', async () => {
  const { pool, writer } = await openStorage()
  const body = Buffer.from('the same')
  const content = session()
  const readOtherwise = { ...content, talkSeconds: 12 }
  await writer.write([delivery(content, { body, receivedAtMs: now })])
  const newRelease = createWriter({ pool, pipelineVersion: '2.0.0' })

  const again = delivery(readOtherwise, { body, receivedAtMs: now + 2 })
  expect(await newRelease.write([again])).toMatchObject([{ outcome: 'stored' }])
  expect(await newRelease.write([delivery(readOtherwise, { body, receivedAtMs: now + 1 })])).toMatchObject([
    { outcome: 'duplicate' },
  ])

  expect((await readSession(pool, content.sessionId))?.session).toMatchObject({
    talkSeconds: 12,
    revision: 2,
    pipelineVersion: '2.0.0',
  })
})

test('change_xid is the transaction that wrote the content, and a duplicate leaves it alone', async () => {
  const storage = await openStorage()
  const content = session()
  const xids: string[] = []
  for (const [index, callCount] of [2, 2, 3, 3, 2].entries()) {
    await storage.writer.write([delivery({ ...content, callCount }, { receivedAtMs: now + index })])
    const { rows } = await storage.pool.query<{ change_xid: string; revision: number }>(
      'SELECT change_xid, revision FROM vss.sessions',
    )
    xids.push(rows[0]!.change_xid)
  }

  expect([xids[0] === xids[1], xids[2] === xids[3]]).toEqual([true, true])
  expect(BigInt(xids[2]!)).toBeGreaterThan(BigInt(xids[0]!))
  expect(BigInt(xids[4]!)).toBeGreaterThan(BigInt(xids[2]!))
  expect(await nextXid(storage)).toBeGreaterThan(BigInt(xids[4]!))
})

test('the ledger names the source of each delivery', async () => {
  const { pool, writer } = await openStorage()
  const [posted, traced, imported] = [
    delivery(session()),
    delivery(session(), { context: { traceparent: `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01` } }),
    delivery(session(), { context: { source: 'import' } }),
  ]
  await writer.write([posted, traced, imported])

  const sources = [posted, traced, imported].map(
    async ({ deliveryId }) => await readDelivery(pool, deliveryId),
  )
  expect(await Promise.all(sources)).toMatchObject([
    { source: 'webhook' },
    { source: 'webhook' },
    { source: 'import', history: null },
  ])
})

test('a session that is deleted while its repeated delivery is written is stored anew', async () => {
  const { url, pool, writer } = await openStorage()
  const [deleted, blocked] = [session(), session()].sort((one, other) =>
    one.sessionId < other.sessionId ? -1 : 1,
  ) as [Session, Session]
  await writer.write([delivery(deleted, { receivedAtMs: now })])
  // The insert passes the first session's row, which is there, and waits for the second session's.
  const blocker = await lockSession(url, blocked.sessionId)
  const again = delivery(deleted, { receivedAtMs: now + 1 })

  const writing = writer.write([again, delivery(blocked)])
  await waitingBackends(blocker, 1)
  const eraser = await connect(url)
  await eraser.query('DELETE FROM vss.sessions WHERE session_id = $1', [deleted.sessionId])
  await blocker.query('ROLLBACK')

  expect(await writing).toMatchObject([{ outcome: 'stored' }, { outcome: 'stored' }])
  const stored = await readSession(pool, deleted.sessionId)
  expect(stored?.session).toMatchObject({ revision: 1, deliveryId: again.deliveryId })
  expect(stored?.legs).toHaveLength(2)
})

/** Makes a delivery of a body, with the session that the body tells. */
function received(text: string, changes: { receivedAtMs: number }): LedgerEntry {
  const body = Buffer.from(text)
  const validation = validateEvent(body)
  if (!validation.ok)
    throw new Error(`the body of a test was rejected: ${JSON.stringify(validation.reasons)}`)
  return delivery(enrichSession(validation.session, changes.receivedAtMs), { body, ...changes })
}

function contentOf({ verdict }: LedgerEntry): Session {
  if (verdict.kind !== 'session') throw new Error('a delivery of these tests is always a session')
  return verdict.session
}

/** Makes changes to a session, one for each column, each with a name. */
function contentChanges(): [name: string, change: (content: Session) => Session][] {
  // The places of anomalies are no content.
  const { sessionId: _, anomalyDetails: ___, ...ofSession } = columnsFrom(sessionColumns, 'session')
  const { leg: __, ...ofLeg } = columnsFrom(callLegColumns, 'leg')
  const inSession = Object.entries(ofSession).map(([name, { type }]) => [
    name,
    { [name]: otherValue(name, type) },
  ])
  const inLeg = Object.entries(ofLeg).map(([name, { type }]) => [name, { [name]: otherValue(name, type) }])
  const legs: [name: string, change: (legs: Session['legs']) => Session['legs']][] = [
    ...(inLeg as [string, Partial<CallLeg>][]).map(([name, change]): (typeof legs)[number] => [
      name,
      (legs) => legs.with(1, { ...legs[1]!, ...change }),
    ]),
    ['a leg less', (legs) => legs.slice(1)],
    ['a leg more', (legs) => [...legs, callLeg('C')]],
    ['no leg', () => []],
  ]
  return [
    ...(inSession as [string, Partial<Session>][]).map(
      ([name, change]): [string, (content: Session) => Session] => [
        name,
        (content) => ({ ...content, ...change }),
      ],
    ),
    ...legs.map(([name, change]): [string, (content: Session) => Session] => [
      `legs: ${name}`,
      (content) => ({ ...content, legs: change(content.legs) }),
    ]),
    ['null', (content) => ({ ...content, caller: null })],
    ['an anomaly more', ({ anomalies, ...rest }) => ({ ...rest, anomalies: [...anomalies, 'unknown_type'] })],
  ]
}

/** A value that the sample sessions do not have. */
function otherValue(member: string, type: PostgresType): unknown {
  if (member === 'mosBand') return 'poor'
  const values: Partial<Record<PostgresType, unknown>> = {
    uuid: sameUuid,
    text: 'other',
    integer: 7_777,
    'double precision': 7_777.5,
    real: 0.5,
    timestamptz: Date.parse('2024-03-25T06:01:29.999Z'),
    boolean: false,
    'text[]': ['call_count_mismatch'],
  }
  return values[type]
}

function reverseMembers(_: string, value: unknown): unknown {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
    ? Object.fromEntries(Object.entries(value).toReversed())
    : value
}

function withLeg(changes: Partial<Session['legs'][number]>): Partial<Session> {
  return { legs: [{ ...sameLeg, ...changes }] }
}

async function nextXid({ pool }: Storage): Promise<bigint> {
  const { rows } = await pool.query<{ xid: string }>('SELECT pg_current_xact_id() AS xid')
  return BigInt(rows[0]!.xid)
}

function outcomesById(recorded: { deliveryId: string; outcome: string }[]): Record<string, string> {
  return Object.fromEntries(recorded.map(({ deliveryId, outcome }) => [deliveryId, outcome]))
}
