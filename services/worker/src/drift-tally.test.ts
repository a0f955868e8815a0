import { expect, test } from 'vitest'
import { DriftTally } from './drift-tally.ts'

const at = (ms: number) => ({
  firstSeenMs: ms,
  lastSeenMs: ms,
  deliveries: 1,
  sampleDeliveryId: `delivery ${ms}`,
})
const field = (path: string) => ({ kind: 'unknown_field', path, value: '' }) as const

test('a field that comes now and then is told apart among any number that come once', () => {
  const tally = new DriftTally(100)

  for (let event = 0; event < 10_000; event++) {
    tally.add(field(`random${event % 9_000}`), at(event))
    if (event % 40 === 0) tally.add(field('renamed'), at(event))
  }

  const told = tally.mostFrequent(10)
  expect(told).toContainEqual({
    ...field('renamed'),
    firstSeenMs: 0,
    lastSeenMs: 9_960,
    deliveries: 250,
    sampleDeliveryId: 'delivery 9960',
  })
  expect(told.length).toBeLessThanOrEqual(11)
  expect(told.reduce((sum, { deliveries }) => sum + deliveries, 0)).toBe(10_250)
})

test('where none came only once, later ones are counted as others, with the latest of them as the sample', () => {
  const tally = new DriftTally(3)

  for (const path of ['a', 'b', 'c', 'a', 'b', 'c', 'd', 'e', 'd', 'f', 'g']) tally.add(field(path), at(1))
  tally.add(field('h'), at(2))

  const told = tally.mostFrequent(5)
  expect(told.map(({ kind, path, deliveries }) => `${kind} ${path} ${deliveries}`)).toEqual([
    'unknown_field a 2',
    'unknown_field b 2',
    'unknown_field c 2',
    'other  6',
  ])
  expect(told.at(-1)).toMatchObject({ firstSeenMs: 1, lastSeenMs: 2, sampleDeliveryId: 'delivery 2' })
})

test('nothing is told of nothing', () => {
  const tally = new DriftTally(3)

  expect(tally.isEmpty).toBe(true)
  expect(tally.mostFrequent(3)).toEqual([])
})
