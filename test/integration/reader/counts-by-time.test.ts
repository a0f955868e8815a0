import { countByTime, readReceiptToRow } from '@vss-pipeline/reader'
import { addUpMinutes } from '@vss-pipeline/storage'
import { expect, it } from 'vitest'
import { delivery, rejectedDelivery, session } from '../../support/entries.ts'
import { openStorage } from '../../support/open-storage.ts'

const minuteMs = 60_000

it('counts deliveries by outcome and time, added up already or not', async () => {
  const { pool, writer } = await openStorage()
  const startMs = Math.floor(Date.now() / minuteMs) * minuteMs - 10 * minuteMs
  const [one, other] = [session(), session({ subAccountId: 'another' })]
  await writer.write([
    delivery(one, { receivedAtMs: startMs }),
    delivery(other, { receivedAtMs: startMs + 4 * minuteMs - 1 }),
  ])
  await addUpMinutes(pool)
  await writer.write([
    delivery(one, { receivedAtMs: startMs + minuteMs }),
    rejectedDelivery({ receivedAtMs: startMs + 5 * minuteMs }),
    rejectedDelivery({ receivedAtMs: startMs + 6 * minuteMs }),
    rejectedDelivery({ receivedAtMs: startMs - 1 }),
  ])
  const counts = await countByTime(pool, {
    since: new Date(startMs),
    until: new Date(startMs + 6 * minuteMs),
    bucketSeconds: 120,
  })
  const at = (minutes: number) => new Date(startMs + minutes * minuteMs).toISOString()
  const none = { stored: 0, duplicate: 0, superseded: 0, rejected: 0 }
  expect(counts).toEqual([
    { ...none, at: at(0), stored: 1, duplicate: 1 },
    { ...none, at: at(2), stored: 1 },
    { ...none, at: at(4), rejected: 1 },
  ])
})

it('says how long the latest deliveries took, and nothing without any', async () => {
  const { pool, writer } = await openStorage()
  const since = new Date(Date.now() - 5 * minuteMs)
  expect(await readReceiptToRow(pool, since)).toEqual({ p50Seconds: null, p99Seconds: null })
  const ages = [1_000, 2_000, 60_000, 10 * minuteMs]
  await writer.write(ages.map((ageMs) => delivery(session(), { receivedAtMs: Date.now() - ageMs })))
  const { p50Seconds, p99Seconds } = await readReceiptToRow(pool, since)
  expect(p50Seconds).toBeGreaterThanOrEqual(2)
  expect(p50Seconds).toBeLessThan(10)
  expect(p99Seconds).toBeGreaterThan(50)
  expect(p99Seconds).toBeLessThan(100)
})
