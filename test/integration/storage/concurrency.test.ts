import { hash } from 'node:crypto'
import { readSession } from '@vss-pipeline/reader'
import { createWriter, type Recorded } from '@vss-pipeline/storage'
import type { LedgerEntry, Session } from '@vss-pipeline/vss'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { countLedgerByOutcome } from '../../support/accounting.ts'
import { asRead } from '../../support/as-read.ts'
import { callLeg, delivery, rejectedDelivery, session } from '../../support/entries.ts'
import { openPool, openStorage, type Storage } from '../../support/open-storage.ts'
import { lockDelivery, waitingBackends } from './locks.ts'

test('two writers with the same deliveries at once leave one ledger row each, and report each once', async () => {
  const { pool, writer } = await openStorage()
  const entries = Array.from({ length: 300 }, () => delivery(session()))

  const recorded = await Promise.all([
    writer.write(entries),
    writer.write(entries.toReversed()),
    writer.write(entries.slice(100)),
  ])

  const reported = recorded.flat()
  expect(reported.map((one) => one.deliveryId).sort()).toEqual(entries.map((one) => one.deliveryId).sort())
  const { rows } = await pool.query('SELECT DISTINCT delivery_id FROM vss.deliveries')
  expect(rows).toHaveLength(300)
})

test('writers that correct the same sessions at once, in opposite orders, never deadlock', async () => {
  const { pool, writer } = await openStorage()
  const contents = Array.from({ length: 100 }, () => session())
  const versions = Array.from({ length: 8 }, (_, version) =>
    contents.map(({ sessionId }) =>
      delivery(session({ sessionId, callCount: version }), { receivedAtMs: Date.now() + version }),
    ),
  )

  await Promise.all(
    versions.map((entries, version) => writer.write(version % 2 ? entries.toReversed() : entries)),
  )

  const { rows } = await pool.query('SELECT DISTINCT call_count FROM vss.sessions')
  expect(rows).toEqual([{ call_count: 7 }])
})

test('writers that record the same deliveries at once, in opposite orders, never deadlock', async () => {
  const { url, pool, writer } = await openStorage()
  const entries = Array.from({ length: 21 }, (_, index) => rejectedDelivery({ receivedAtMs: 1e12 + index }))
  // Both writers wait in the middle. In opposite orders each would hold rows that the other wants next.
  const blocker = await lockDelivery(url, entries[10]!)

  const writing = Promise.all([writer.write(entries), writer.write(entries.toReversed())])
  await waitingBackends(blocker, 2)
  await blocker.query('ROLLBACK')

  expect((await writing).flat()).toHaveLength(21)
  expect(await countLedgerByOutcome(pool)).toMatchObject({ rejected: 21 })
})

test('eight writers with overlapping flushes never deadlock, and leave each session as its newest delivery tells', async () => {
  const storage = await openStorage()
  const pools = [storage.pool, openPool(storage.url)]
  const random = createRandom(20_240_325)
  const contents = Array.from({ length: 60 }, makeVersions)
  const startMs = Date.now()
  const flushes = Array.from({ length: 8 * 40 }, () =>
    Array.from({ length: 1 + random(24) }, () => {
      const versions = contents[random(contents.length)]!
      return spaced(versions[random(3)]!, random(3), startMs + random(50))
    }),
  )

  const recorded = await Promise.all(
    Array.from({ length: 8 }, async (_, index) => {
      const writer = createWriter({ pool: pools[index % 2]!, pipelineVersion: '1.2.3' })
      const own = flushes.filter((_, flush) => flush % 8 === index)
      const ofThis: Recorded[] = []
      for (const entries of own) ofThis.push(...(await writer.write(entries)))
      return ofThis
    }),
  )

  await expectNewestStored(storage, flushes.flat())
  await expectLedgerAgrees(storage, recorded.flat())
}, 120_000)

/** A delivery of the property test: its session, its age, its content, and the white space behind it. */
interface Sent {
  session: number
  receivedAfterMs: number
  content: number
  spaces: number
}

const sent: fc.Arbitrary<Sent> = fc.record({
  session: fc.nat({ max: 3 }),
  // There are few milliseconds, so that some deliveries differ in their id alone.
  receivedAfterMs: fc.nat({ max: 4 }),
  content: fc.nat({ max: 2 }),
  spaces: fc.nat({ max: 2 }),
})

test('the newest delivery decides each session, in any order, split and repetition', async () => {
  const storage = await openStorage()
  await fc.assert(
    fc.asyncProperty(
      fc.array(sent, { minLength: 1, maxLength: 24 }),
      fc.infiniteStream(fc.nat()),
      async (deliveries, choices) => {
        const contents = Array.from({ length: 4 }, makeVersions)
        const startMs = Date.now()
        const entries = deliveries.map(({ session, receivedAfterMs, content, spaces }) =>
          spaced(contents[session]![content]!, spaces, startMs + receivedAfterMs),
        )
        const choose = (options: number) => choices.next().value % options

        const recorded = await writeByTwo(storage, entries, choose)

        await expectNewestStored(storage, entries)
        expect(recorded.map((one) => one.deliveryId).sort()).toEqual(
          entries.map((one) => one.deliveryId).sort(),
        )
        await expectLedgerAgrees(storage, recorded)
      },
    ),
    { numRuns: 80, seed: 20_240_325 },
  )
}, 120_000)

/** Three versions of a session, which differ in values and in legs. */
function makeVersions(): Session[] {
  const { sessionId } = session()
  return [
    session({ sessionId, status: 'COMPLETED' }),
    session({ sessionId, status: 'BUSY', legs: [callLeg('A')] }),
    session({ sessionId, status: 'FAILED', legs: [callLeg('B'), callLeg('C'), callLeg('D')] }),
  ]
}

/** @returns a function of whole numbers from 0 up to its limit, the same in each run. */
function createRandom(seed: number): (limit: number) => number {
  let state = seed
  return (limit) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return Math.floor((state / 2 ** 32) * limit)
  }
}

/** A delivery of that content in one of several bodies. */
function spaced(content: Session, spaces: number, receivedAtMs: number): LedgerEntry {
  return delivery(content, { receivedAtMs, body: Buffer.from(JSON.stringify(content) + ' '.repeat(spaces)) })
}

/** Two writers at once: each gets about two thirds of the deliveries, in an order and in flushes of its own. */
async function writeByTwo(
  { writer }: Storage,
  entries: LedgerEntry[],
  choose: (options: number) => number,
): Promise<Recorded[]> {
  const shares: LedgerEntry[][] = [[], []]
  for (const entry of entries) {
    const share = choose(3)
    for (const index of share === 2 ? [0, 1] : [share]) {
      const queue = shares[index]!
      queue.splice(choose(queue.length + 1), 0, entry)
    }
  }
  const recorded = await Promise.all(
    shares.map(async (queue) => {
      const ofThis: Recorded[] = []
      while (queue.length > 0) ofThis.push(...(await writer.write(queue.splice(0, 1 + choose(6)))))
      return ofThis
    }),
  )
  return recorded.flat()
}

/** A session has the newest delivery's content, and a revision for each delivery that was stored. */
async function expectNewestStored({ pool }: Storage, entries: LedgerEntry[]): Promise<void> {
  const newest = new Map<string, LedgerEntry>()
  for (const entry of entries.toSorted((one, other) => (ledgerKey(one) < ledgerKey(other) ? -1 : 1))) {
    newest.set(contentOf(entry).sessionId, entry)
  }
  for (const [sessionId, entry] of newest) {
    const stored = await readSession(pool, sessionId)
    const { legs, ...columns } = contentOf(entry)
    expect(stored?.session).toMatchObject({
      ...asRead(columns),
      deliveryId: entry.deliveryId,
      bodySha256: hash('sha256', entry.body!),
      revision: stored?.deliveries.filter(({ outcome }) => outcome === 'stored').length,
    })
    expect(stored?.legs).toEqual(legs.map(asRead))
  }
}

async function expectLedgerAgrees({ pool }: Storage, recorded: Recorded[]): Promise<void> {
  const { rows } = await pool.query(
    `SELECT delivery_id AS "deliveryId", outcome FROM vss.deliveries WHERE delivery_id = ANY ($1)`,
    [recorded.map((one) => one.deliveryId)],
  )
  const byId = (one: { deliveryId: string }, other: { deliveryId: string }) =>
    one.deliveryId < other.deliveryId ? -1 : 1
  expect(rows.sort(byId)).toEqual(
    recorded.map(({ deliveryId, outcome }) => ({ deliveryId, outcome })).sort(byId),
  )
}

function contentOf({ verdict }: LedgerEntry): Session {
  if (verdict.kind !== 'session') throw new Error('a delivery of these tests is always a session')
  return verdict.session
}

/** Sorts like (received_at, delivery_id): the id begins with the millisecond. */
function ledgerKey({ deliveryId }: LedgerEntry): string {
  return deliveryId
}
