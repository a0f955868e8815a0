import { countLedgerByOutcome, readDelivery, readSession } from '@vss-pipeline/reader'
import { expect, test } from 'vitest'
import { readBody } from '../../support/accounting.ts'
import { asRead } from '../../support/as-read.ts'
import { callLeg, delivery, rejectedDelivery, session } from '../../support/entries.ts'
import { openStorage } from '../../support/open-storage.ts'

const now = Date.now()

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

test('a session of nothing but required values, without legs, is stored', async () => {
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

test('a leg of nothing but its letter is stored', async () => {
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

test('the same body under a newer id is a duplicate, and only says how new the row is', async () => {
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

test('the same body under an older id is a duplicate, and changes nothing', async () => {
  const { pool, writer } = await openStorage()
  const content = session()
  await writer.write([delivery(content, { receivedAtMs: now })])
  const before = await readSession(pool, content.sessionId)

  expect(await writer.write([delivery(content, { receivedAtMs: now - 1 })])).toMatchObject([
    { outcome: 'duplicate' },
  ])

  expect((await readSession(pool, content.sessionId))?.session).toEqual(before?.session)
})

test('a newer delivery with another body replaces the row and its legs, and counts a revision', async () => {
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

test('an older delivery with another body is superseded, and changes nothing', async () => {
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

test('of deliveries in the same millisecond the one with the greater id decides', async () => {
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

test('within one write only the newest of a session is stored, and the others are judged against it', async () => {
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

test('within one write all are judged against the stored row when that is newer than any of them', async () => {
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

test('within one write a change and its reversal leave the stored content as it was', async () => {
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

test('a write of nothing is nothing', async () => {
  const { writer } = await openStorage()
  expect(await writer.write([])).toEqual([])
})

function outcomesById(recorded: { deliveryId: string; outcome: string }[]): Record<string, string> {
  return Object.fromEntries(recorded.map(({ deliveryId, outcome }) => [deliveryId, outcome]))
}
