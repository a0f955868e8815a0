import { type DriftRow, readDrift } from '@vss-pipeline/reader'
import { type Drift, noteDrift, type Pool } from '@vss-pipeline/storage'
import { expect, test } from 'vitest'
import { deliveryIdAt } from '../../support/entries.ts'
import { openPool, openStorage } from '../../support/open-storage.ts'

const dayMs = 24 * 60 * 60 * 1_000
const now = Date.now()

test('a drift is a row, and further deliveries are added to it', async () => {
  const { pool } = await openStorage()
  const first = drift({ lastSeenMs: now - 5_000, firstSeenMs: now - 9_000, deliveries: 3 })
  const later = drift({ firstSeenMs: now - 1_000, deliveries: 2 })
  const late = drift({ firstSeenMs: now - 20_000, lastSeenMs: now - 20_000 })
  for (const one of [first, later, late]) await noteDrift(pool, [one])

  expect(await readDrift(pool)).toEqual([
    {
      kind: 'unknown_field',
      path: 'payload.id',
      value: '',
      deliveries: 6,
      firstSeen: new Date(now - 20_000).toISOString(),
      lastSeen: new Date(now).toISOString(),
      sampleDeliveryId: later.sampleDeliveryId,
    },
  ])
})

test('drift is read from a time on', async () => {
  const { pool } = await openStorage()
  await noteDrift(pool, [drift({ path: 'a', lastSeenMs: now - dayMs }), drift({ path: 'b' })])

  expect(paths(await readDrift(pool, { since: new Date(now - dayMs + 1) }))).toEqual(['b'])
  expect(paths(await readDrift(pool, { since: new Date(now - dayMs) }))).toEqual(['b', 'a'])
})

test('workers that see the same at once count all of it', async () => {
  const { pool, url } = await openStorage()
  const pools = [pool, openPool(url)]

  await Promise.all(
    Array.from({ length: 40 }, (_, turn) => {
      const both = [drift({ path: 'a' }), drift({ path: 'b' })]
      return noteDrift(pools[turn % 2]!, turn % 3 === 0 ? both : both.toReversed())
    }),
  )

  expect((await readDrift(pool)).map(({ path, deliveries }) => [path, deliveries])).toEqual([
    ['a', 40],
    ['b', 40],
  ])
})

test('a full table takes no more names that came once, and counts them together', async () => {
  const { pool } = await openStorage()
  for (let turn = 0; turn < 3; turn++) await noteDrift(pool, noise(turn * 500, 500))

  const rows = await readDrift(pool)
  expect(rows).toHaveLength(1_001)
  expect(rows.at(-1)).toMatchObject({ kind: 'other', path: '', value: '', deliveries: 500 })
  expect(await total(pool)).toBe(1_500)
})

test('a full table takes what comes more often, and what it has in place of what is old', async () => {
  const { pool } = await openStorage()
  await noteDrift(pool, noise(0, 500))
  await noteDrift(pool, noise(500, 500))
  await noteDrift(pool, [
    drift({ path: 'often', deliveries: 2 }),
    drift({ path: 'once' }),
    drift({ path: 'noise_7' }),
  ])

  const shown = paths(await readDrift(pool))
  expect(shown).toContain('often')
  expect(shown).toContain('noise_7')
  expect(shown).not.toContain('once')
  expect(await readDrift(pool)).toHaveLength(1_001)
  expect(await total(pool)).toBe(1_004)

  await pool.query(`UPDATE vss.drift SET last_seen = last_seen - interval '2 days' WHERE path = 'noise_9'`)
  await noteDrift(pool, [drift({ path: 'once' })])

  const later = paths(await readDrift(pool))
  expect(later).toContain('once')
  expect(later).not.toContain('noise_9')
  expect(await total(pool)).toBe(1_005)
})

test('more than the table holds fits into one call, the most frequent first', async () => {
  const { pool } = await openStorage()

  await noteDrift(pool, [...noise(0, 1_200), drift({ path: 'often', deliveries: 5 })])

  expect(paths(await readDrift(pool))).toContain('often')
  expect(await readDrift(pool)).toHaveLength(1_001)
  expect(await total(pool)).toBe(1_205)
})

function drift(changes: Partial<Drift> = {}): Drift {
  const lastSeenMs = changes.lastSeenMs ?? now
  return {
    kind: 'unknown_field',
    path: 'payload.id',
    value: '',
    firstSeenMs: lastSeenMs,
    lastSeenMs,
    deliveries: 1,
    sampleDeliveryId: deliveryIdAt(lastSeenMs),
    ...changes,
  }
}

function noise(from: number, count: number): Drift[] {
  return Array.from({ length: count }, (_, index) => drift({ path: `noise_${from + index}` }))
}

function paths(rows: readonly DriftRow[]): string[] {
  return rows.map(({ path }) => path)
}

async function total(pool: Pool): Promise<number> {
  return (await readDrift(pool)).reduce((sum, { deliveries }) => sum + deliveries, 0)
}
