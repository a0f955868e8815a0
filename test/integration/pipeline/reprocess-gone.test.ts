import { randomUUID } from 'node:crypto'
import { letGo, type Pool } from '@vss-pipeline/storage'
import { expect, test } from 'vitest'
import { openStorage } from '../../support/open-storage.ts'
import {
  all,
  deliveryOf,
  eventOf,
  rejectedBefore,
  reprocessAll,
  today,
  write,
} from '../../support/rejudging.ts'

const dayMs = 86_400_000
const daysAgo = (days: number) => Date.now() - days * dayMs

test('a session that somebody has deleted is not made again by rejects of it, and each stays as it is', async () => {
  const storage = await openStorage()
  const [deleted, other] = [eventOf(randomUUID()), eventOf(randomUUID())]
  const [before, stored, after] = [deliveryOf(deleted), deliveryOf(deleted), deliveryOf(deleted)]
  await write(storage, [
    rejectedBefore(before),
    today(stored),
    rejectedBefore(after),
    rejectedBefore(deliveryOf(other)),
  ])
  await storage.pool.query('DELETE FROM vss.sessions WHERE session_id = $1', [deleted.payload.sessionId])
  const ledger = await ledgerOf(storage.pool)

  const planned = await reprocessAll(storage.pool, { isDryRun: true })
  const results = await reprocessAll(storage.pool)

  expect(results).toEqual(planned)
  expect(results.map(({ to, effect }) => [to, effect])).toEqual([
    ['rejected', 'session_gone'],
    ['stored', 'none'],
    ['rejected', 'session_gone'],
    ['stored', 'judged'],
  ])
  expect(await sessionIdsOf(storage.pool)).toEqual([other.payload.sessionId])
  expect((await ledgerOf(storage.pool)).slice(0, 3)).toEqual(ledger.slice(0, 3))
})

test('a session that 8x8 tells again after it was deleted is there, and its rejects are judged by it', async () => {
  const storage = await openStorage()
  const event = eventOf(randomUUID())
  await write(storage, [rejectedBefore(deliveryOf(event)), today(deliveryOf(event))])
  await storage.pool.query('DELETE FROM vss.sessions')
  await write(storage, [today(deliveryOf(event))])

  expect((await reprocessAll(storage.pool)).map(({ to }) => to)).toEqual(['duplicate', 'stored', 'stored'])
})

test('a session that retention has let go of is made again by a reject that is young enough, and by no other', async () => {
  const storage = await openStorage()
  const [revived, old] = [eventOf(randomUUID()), eventOf(randomUUID())]
  for (const event of [revived, old]) {
    // The call was long before it was told, so that the ledger is searched for all of it.
    Object.assign(event.payload, { startTime: new Date(daysAgo(40)).toISOString() })
    await write(storage, [today(deliveryOf(event, daysAgo(30)))])
  }
  const young = deliveryOf(revived, daysAgo(2))
  await write(storage, [rejectedBefore(young), rejectedBefore(deliveryOf(old, daysAgo(20)))])
  await letGo(storage.pool, { bodies: undefined, deliveries: undefined, sessions: 10 })
  expect(await sessionIdsOf(storage.pool)).toEqual([])

  const results = await reprocessAll(storage.pool, { selection: { ...all, outcomes: ['rejected'] } })

  expect(results).toMatchObject([{ deliveryId: young.deliveryId, to: 'stored', effect: 'judged' }])
  expect(await sessionIdsOf(storage.pool)).toEqual([revived.payload.sessionId])
})

async function sessionIdsOf(pool: Pool): Promise<string[]> {
  const { rows } = await pool.query<{ id: string }>('SELECT session_id AS id FROM vss.sessions')
  return rows.map(({ id }) => id)
}

async function ledgerOf(pool: Pool): Promise<object[]> {
  return (await pool.query('SELECT * FROM vss.deliveries ORDER BY received_at')).rows
}
