import { findRejected, readBodies, readRejectedGroups } from '@vss-pipeline/reader'
import type { ReasonCode } from '@vss-pipeline/vss/vocabulary'
import { expect, it } from 'vitest'
import { delivery, deliveryIdAt, rejectedDelivery, session } from '../../support/entries.ts'
import { openStorage } from '../../support/open-storage.ts'

const startMs = Date.parse('2026-03-01T10:00:00Z')
const hour = { since: new Date(startMs), until: new Date(startMs + 3_600_000) }

function rejectedAt(receivedAtMs: number, code: ReasonCode, path: string) {
  return rejectedDelivery({
    receivedAtMs,
    verdict: { kind: 'rejected', sessionId: null, reasons: [{ code, path, message: 'expected more' }] },
  })
}

it('groups what was rejected in a time by its first reason, and counts each bucket', async () => {
  const { pool, writer } = await openStorage()
  const inside = [
    rejectedAt(startMs, 'missing_field', 'payload.sessionId'),
    rejectedAt(startMs + 1_800_000, 'missing_field', 'payload.sessionId'),
    rejectedAt(startMs + 3_599_999, 'malformed_json', ''),
  ]
  const outside = [startMs - 1, startMs + 3_600_000].map((ms) => rejectedAt(ms, 'malformed_json', ''))
  await writer.write([...inside, ...outside, delivery(session(), { receivedAtMs: startMs + 1 })])

  const { groups, buckets, isCut } = await readRejectedGroups(pool, { ...hour, bucketSeconds: 1_200 })
  expect(groups).toEqual([
    {
      code: 'missing_field',
      path: 'payload.sessionId',
      deliveries: 2,
      firstAt: '2026-03-01T10:00:00.000Z',
      lastAt: '2026-03-01T10:30:00.000Z',
      sampleDeliveryId: inside[1]!.deliveryId,
    },
    expect.objectContaining({ code: 'malformed_json', path: '', deliveries: 1 }),
  ])
  expect(buckets).toEqual([
    { at: '2026-03-01T10:00:00.000Z', deliveries: 1 },
    { at: '2026-03-01T10:20:00.000Z', deliveries: 1 },
    { at: '2026-03-01T10:40:00.000Z', deliveries: 1 },
  ])
  expect(isCut).toBe(false)
})

it('finds the rejected of a group page by page, the latest first, and each once', async () => {
  const { pool, writer } = await openStorage()
  // Several of one millisecond, which differ by their ids alone.
  const entries = [0, 0, 0, 1, 2].map((ms) => rejectedAt(startMs + ms, 'invalid_field', 'payload'))
  await writer.write([...entries, rejectedAt(startMs, 'invalid_field', 'payload.details')])
  const search = { ...hour, code: 'invalid_field', path: 'payload', limit: 2 }
  const found: string[] = []
  let before: string | undefined
  do {
    const page = await findRejected(pool, { ...search, ...(before && { before }) })
    found.push(...page.map(({ deliveryId }) => deliveryId))
    before = page.at(-1)?.deliveryId
  } while (before !== undefined)
  expect(found).toEqual(
    entries
      .map(({ deliveryId }) => deliveryId)
      .sort()
      .reverse(),
  )
})

it('gives the bodies of deliveries as they came, and none for ids that the ledger does not have', async () => {
  const { pool, writer } = await openStorage()
  const bodies = [Buffer.from([0, 255, 10]), null, Buffer.from('{}')]
  const entries = bodies.map((body, index) => rejectedDelivery({ receivedAtMs: startMs + index, body }))
  await writer.write(entries)
  const ids = [...entries.map(({ deliveryId }) => deliveryId), deliveryIdAt(startMs), 'no id', '']
  const found = await readBodies(pool, ids)
  expect([...found].sort()).toEqual(entries.map(({ deliveryId }, index) => [deliveryId, bodies[index]]))
})
