import { readDatabaseState } from '@vss-pipeline/reader'
import { ensurePartitions } from '@vss-pipeline/storage'
import { expect, test } from 'vitest'
import { delivery, rejectedDelivery, session } from '../../support/entries.ts'
import { partitionName } from '../../support/ledger-partitions.ts'
import { openStorage } from '../../support/open-storage.ts'

const minuteMs = 60_000
const hourMs = 60 * minuteMs
const none = { stored: 0, duplicate: 0, superseded: 0, rejected: 0 }

function hoursAgo(hours: number): Date {
  return new Date(Math.floor((Date.now() - hours * hourMs) / minuteMs) * minuteMs)
}

test('an empty database has counts of 0, and knows of no delivery', async () => {
  const { pool } = await openStorage()
  await ensurePartitions(pool)
  expect(await readDatabaseState(pool, hoursAgo(24))).toMatchObject({
    outcomes: { sinceThen: none, lastHour: none, lastFiveMinutes: none },
    rejectReasons: { sinceThen: { deliveries: 0, counts: [] }, lastHour: { deliveries: 0, counts: [] } },
    lastRecordedReceipt: null,
    lastStoredAt: null,
    completeUntil: { at: null, reason: 'no worker has looked yet', updatedAt: null },
    ingests: [],
    partitions: { months: 3, latest: partitionName(2) },
    postgres: { version: expect.stringMatching(/^\d\d/) },
  })
})

test('deliveries are counted in the spans in which they were received', async () => {
  const { pool, writer } = await openStorage()
  const ages = [0, 2 * minuteMs, 30 * minuteMs, 3 * hourMs, 30 * hourMs]
  const receipts = ages.map((ageMs) => Date.now() - ageMs)
  await writer.write(receipts.map((receivedAtMs) => delivery(session(), { receivedAtMs })))
  await writer.write(receipts.map((receivedAtMs) => rejectedDelivery({ receivedAtMs })))

  const { outcomes, rejectReasons, lastRecordedReceipt, lastStoredAt } = await readDatabaseState(
    pool,
    hoursAgo(24),
  )

  expect(outcomes).toEqual({
    sinceThen: { ...none, stored: 4, rejected: 4 },
    lastHour: { ...none, stored: 3, rejected: 3 },
    lastFiveMinutes: { ...none, stored: 2, rejected: 2 },
  })
  expect(rejectReasons.sinceThen.deliveries).toBe(4)
  expect(rejectReasons.lastHour.deliveries).toBe(3)
  expect(Date.parse(lastRecordedReceipt!)).toBe(receipts[0])
  expect(Date.now() - Date.parse(lastStoredAt!)).toBeLessThan(10_000)
})

test('a delivery with several reasons counts for each of them once', async () => {
  const { pool, writer } = await openStorage()
  function rejectedFor(codes: ('missing_field' | 'invalid_field')[]) {
    const reasons = codes.map((code, index) => ({ code, path: `place ${index}`, message: 'expected a text' }))
    return rejectedDelivery({ verdict: { kind: 'rejected', reasons, sessionId: null } })
  }
  await writer.write([
    rejectedFor(['missing_field', 'missing_field', 'invalid_field']),
    rejectedFor(['missing_field']),
  ])
  const { rejectReasons } = await readDatabaseState(pool, hoursAgo(1))
  expect(rejectReasons.sinceThen).toEqual({
    deliveries: 2,
    counts: [
      { code: 'missing_field', deliveries: 2 },
      { code: 'invalid_field', deliveries: 1 },
    ],
  })
})

test('of many rejected deliveries the latest thousand are looked at', async () => {
  const { pool, writer } = await openStorage()
  const writes = Array.from({ length: 3 }, () =>
    writer.write(Array.from({ length: 400 }, () => rejectedDelivery())),
  )
  await Promise.all(writes)
  const { outcomes, rejectReasons } = await readDatabaseState(pool, hoursAgo(1))
  expect(outcomes.lastHour.rejected).toBe(1_200)
  expect(rejectReasons.sinceThen.deliveries).toBe(1_000)
})
