import { randomBytes } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { createSample } from './sampling.ts'

function context(isSampled: boolean) {
  return {
    traceId: randomBytes(16).toString('hex'),
    spanId: randomBytes(8).toString('hex'),
    traceFlags: isSampled ? 1 : 0,
  }
}

const recorded = context(true)
const unrecorded = context(false)

describe.each([
  ['always_on', { alone: true, ofRecorded: true, ofUnrecorded: true }],
  ['always_off', { alone: false, ofRecorded: false, ofUnrecorded: false }],
  ['parentbased_always_on', { alone: true, ofRecorded: true, ofUnrecorded: false }],
  ['parentbased_always_off', { alone: false, ofRecorded: true, ofUnrecorded: false }],
])('%s', (sampler, { alone, ofRecorded, ofUnrecorded }) => {
  const sample = createSample({ sampler, ratio: 0.5 })

  test('decides about a span by its parent, or without one', () => {
    expect(sample([])).toBe(alone)
    expect(sample([recorded])).toBe(ofRecorded)
    expect(sample([unrecorded])).toBe(ofUnrecorded)
  })

  test('decides about a batch by all of its POSTs', () => {
    expect(sample([unrecorded, recorded])).toBe(ofRecorded)
    expect(sample([unrecorded, unrecorded])).toBe(ofUnrecorded)
  })
})

test.each(['traceidratio', 'parentbased_traceidratio'])(
  '%s records its share of spans without a parent',
  (sampler) => {
    const sample = createSample({ sampler, ratio: 0.25 })
    const share = Array.from({ length: 20_000 }, () => sample([])).filter(Boolean).length / 20_000
    expect(share).toBeGreaterThan(0.22)
    expect(share).toBeLessThan(0.28)
  },
)

test('traceidratio decides by the id of the trace: a greater share records the same traces and more', () => {
  const few = createSample({ sampler: 'traceidratio', ratio: 0.1 })
  const many = createSample({ sampler: 'traceidratio', ratio: 0.3 })
  const contexts = Array.from({ length: 5_000 }, () => context(true))
  const byFew = contexts.filter((one) => few([one]))
  const byMany = contexts.filter((one) => many([one]))
  expect(byFew).toEqual(byMany.filter((one) => few([one])))
  expect(byFew.length / contexts.length).toBeCloseTo(0.1, 1)
  expect(byMany.length / contexts.length).toBeCloseTo(0.3, 1)
})
