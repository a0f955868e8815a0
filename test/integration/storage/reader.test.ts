import { randomUUID } from 'node:crypto'
import { readDeliveriesOf, readDelivery, readSession } from '@vss-pipeline/reader'
import { expect, test } from 'vitest'
import { readBody } from '../../support/accounting.ts'
import { delivery, rejectedDelivery, session } from '../../support/entries.ts'
import { openStorage } from '../../support/open-storage.ts'

test('a session comes with all its deliveries, oldest first', async () => {
  const { pool, writer } = await openStorage()
  const content = session()
  const now = Date.now()
  const deliveries = [0, 1, 2].map((after) => delivery(content, { receivedAtMs: now + after }))
  for (const entry of deliveries.toReversed()) await writer.write([entry])

  const stored = await readSession(pool, content.sessionId)

  expect(stored?.deliveries.map((row) => [row.deliveryId, row.outcome])).toEqual([
    [deliveries[0]?.deliveryId, 'duplicate'],
    [deliveries[1]?.deliveryId, 'duplicate'],
    [deliveries[2]?.deliveryId, 'stored'],
  ])
})

test('the deliveries of a session are found when all were rejected and there is no session', async () => {
  const { pool, writer } = await openStorage()
  const { sessionId } = session()
  const reasons = [{ code: 'missing_field' as const, path: 'payload.endTime', message: 'expected a time' }]
  const entries = [2, 1].map((receivedAtMs) =>
    rejectedDelivery({
      receivedAtMs: 1_700_000_000_000 + receivedAtMs,
      verdict: { kind: 'rejected', reasons, sessionId },
    }),
  )
  await writer.write(entries)

  const found = await readDeliveriesOf(pool, sessionId)

  expect(found.map(({ deliveryId }) => deliveryId)).toEqual(
    entries.toReversed().map(({ deliveryId }) => deliveryId),
  )
  expect(found[0]).toMatchObject({ outcome: 'rejected', reasons, sessionId })
})

test('a delivery is found by its id, with its body as received', async () => {
  const { pool, writer } = await openStorage()
  const entry = rejectedDelivery({ body: Buffer.from([0, 255, 10]) })
  await writer.write([entry])

  expect(await readDelivery(pool, entry.deliveryId)).toMatchObject({
    deliveryId: entry.deliveryId,
    receivedAt: new Date(entry.receivedAtMs).toISOString(),
    bodySha256: '712450d3c4a79eea9509e75dc1dacdeff58034df538536cfae2da882bd8a0c50',
  })
  expect(await readBody(pool, entry.deliveryId)).toEqual(Buffer.from([0, 255, 10]))
})

test('an unknown id and a text that is no id find null', async () => {
  const { pool } = await openStorage()

  expect(await readSession(pool, randomUUID())).toBeNull()
  expect(await readSession(pool, 'no-uuid')).toBeNull()
  expect(await readDeliveriesOf(pool, randomUUID())).toEqual([])
  expect(await readDeliveriesOf(pool, 'no-uuid')).toEqual([])
  expect(await readDelivery(pool, randomUUID())).toBeNull()
  expect(await readDelivery(pool, 'ffffffff-ffff-7fff-bfff-ffffffffffff')).toBeNull()
  expect(await readDelivery(pool, 'no-uuid')).toBeNull()
})
