import { readDelivery, readSession } from '@vss-pipeline/reader'
import type { Session } from '@vss-pipeline/vss'
import { expect, test } from 'vitest'
import { countLedgerByOutcome, readBody } from '../../support/accounting.ts'
import { callLeg, delivery, rejectedDelivery, session } from '../../support/entries.ts'
import { openStorage } from '../../support/open-storage.ts'

const poisons: { name: string; content: () => Session; sqlState: string }[] = [
  { name: 'a zero character in a text', content: () => session({ callee: '+65\u00006' }), sqlState: '22021' },
  { name: 'an integer that is too large', content: () => session({ callCount: 2 ** 31 }), sqlState: '22003' },
  { name: 'an integer with a fraction', content: () => session({ callCount: 1.5 }), sqlState: '22003' },
  { name: 'a real that is too large', content: () => session({ mosMin: 1e39 }), sqlState: '22003' },
  {
    name: 'a number that is no time',
    content: () => session({ startedAtMs: Number.NaN }),
    sqlState: '22007',
  },
  {
    name: 'a time before the first one of Postgres',
    content: () => session({ startedAtMs: Date.parse('-271821-04-20T00:00:00.000Z') }),
    sqlState: '22008',
  },
  {
    name: 'a text that is no UUID',
    content: () => session({ legs: [callLeg('A', { callId: 'no-uuid' })] }),
    sqlState: '22P02',
  },
  {
    name: 'a leg that is no letter',
    content: () => session({ legs: [callLeg('AB')] }),
    sqlState: '23514',
  },
  {
    name: 'null in a column that needs a value',
    content: () => session({ subAccountId: null as unknown as string }),
    sqlState: '23502',
  },
]

test.each(poisons)('$name is rejected alone, with Postgres’ code', async ({ content, sqlState }) => {
  const { pool, writer } = await openStorage()
  const good = delivery(session())
  const poison = delivery(content())

  const recorded = await writer.write([poison, good])

  expect(recorded).toHaveLength(2)
  expect(recorded).toContainEqual({
    deliveryId: good.deliveryId,
    outcome: 'stored',
    reasons: [],
    entry: good,
  })
  expect(recorded).toContainEqual({
    deliveryId: poison.deliveryId,
    outcome: 'rejected',
    reasons: [
      {
        code: 'refused_by_database',
        path: '',
        message: `the database refused a value of this event (SQLSTATE ${sqlState})`,
      },
    ],
    entry: poison,
  })
  const { sessionId } = poison.verdict.kind === 'session' ? poison.verdict.session : poison.verdict
  expect(await readDelivery(pool, poison.deliveryId)).toMatchObject({
    outcome: 'rejected',
    sessionId,
    sourceIp: '18.140.80.2',
  })
  expect(await readBody(pool, poison.deliveryId)).toEqual(poison.body)
  expect(await readSession(pool, sessionId as string)).toBeNull()
})

test('a write of 500 deliveries rejects the three that Postgres refuses, and stores all others', async () => {
  const { pool, writer } = await openStorage()
  const entries = Array.from({ length: 500 }, () => delivery(session()))
  const poisonIds = [0, 250, 499].map((index) => {
    entries[index] = delivery(session({ errorMessage: 'a\u0000b' }))
    return entries[index].deliveryId
  })

  const recorded = await writer.write(entries)

  const rejectedIds = recorded.filter(({ outcome }) => outcome === 'rejected').map((one) => one.deliveryId)
  expect(rejectedIds.sort()).toEqual(poisonIds.sort())
  expect(await countLedgerByOutcome(pool)).toEqual({ stored: 497, duplicate: 0, superseded: 0, rejected: 3 })
})

test('a refused correction leaves the session as it was, and a later good one replaces it', async () => {
  const { pool, writer } = await openStorage()
  const first = session()
  const receivedAtMs = Date.now()
  const refused = session({ sessionId: first.sessionId, callee: '\u0000', legs: [callLeg('A')] })
  const corrected = session({ sessionId: first.sessionId, status: 'BUSY' })
  await writer.write([delivery(first, { receivedAtMs })])
  const before = await readSession(pool, first.sessionId)

  expect(await writer.write([delivery(refused, { receivedAtMs: receivedAtMs + 1 })])).toMatchObject([
    { outcome: 'rejected' },
  ])
  const after = await readSession(pool, first.sessionId)
  expect(after?.session).toEqual(before?.session)
  expect(after?.legs).toEqual(before?.legs)

  await writer.write([delivery(corrected, { receivedAtMs: receivedAtMs + 2 })])
  expect((await readSession(pool, first.sessionId))?.session).toMatchObject({ status: 'BUSY', revision: 2 })
})

test('a delivery is recorded even when the ledger refuses values of it', async () => {
  const { pool, writer } = await openStorage()
  const entry = rejectedDelivery({
    sourceIp: 'fe80::1%eth0',
    verdict: {
      kind: 'rejected',
      reasons: [{ code: 'invalid_field', path: 'payload.\u0000', message: 'expected a text' }],
      sessionId: 'no-uuid',
    },
  })

  expect(await writer.write([entry])).toMatchObject([
    { outcome: 'rejected', reasons: [{ code: 'refused_by_database' }], entry },
  ])

  expect(await readDelivery(pool, entry.deliveryId)).toMatchObject({ sourceIp: null, sessionId: null })
})

test('a delivery whose ledger row cannot be written is a fault and has no outcome', async () => {
  const { pool, writer } = await openStorage()

  await expect(writer.write([{ ...rejectedDelivery(), deliveryId: 'no-uuid' }])).rejects.toMatchObject({
    name: 'StorageFault',
    code: 'database_fault',
    sqlState: '22P02',
  })

  expect(await countLedgerByOutcome(pool)).toEqual({ stored: 0, duplicate: 0, superseded: 0, rejected: 0 })
})
