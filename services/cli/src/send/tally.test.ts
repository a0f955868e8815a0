import { expect, it } from 'vitest'
import type { Answer } from './post.ts'
import { createTally } from './tally.ts'

const acknowledged: Answer = { status: 200, code: null, deliveryId: '01a2031c-3673-77d7-a414-7c75df50371e' }
const unavailable: Answer = { status: 503, code: 'unavailable', deliveryId: null }
const refused: Answer = { status: null, code: 'ECONNREFUSED', deliveryId: null }

it('counts answers by status and code, the most frequent first', () => {
  const tally = createTally()
  for (const answer of [unavailable, acknowledged, refused, acknowledged]) tally.add(answer, 1)
  tally.add({ status: 503, code: null, deliveryId: null }, 1)
  expect(tally.answers()).toEqual([
    { status: 200, code: null, count: 2 },
    { status: 503, code: 'unavailable', count: 1 },
    { status: null, code: 'ECONNREFUSED', count: 1 },
    { status: 503, code: null, count: 1 },
  ])
  expect(tally).toMatchObject({ posted: 5, acknowledged: 2 })
})

it('does not count a 200 without a delivery id as acknowledged', () => {
  const tally = createTally()
  tally.add({ status: 200, code: 'no_delivery_id', deliveryId: null }, 1)
  expect(tally.acknowledged).toBe(0)
})

it('does not count a post without an answer in the latencies', () => {
  const tally = createTally()
  tally.add(acknowledged, 3)
  tally.add(refused, 5_000)
  expect(tally.latencies()).toMatchObject({ max: 3 })
})

it('counts posts without an answer until the next answer of any kind', () => {
  const tally = createTally()
  tally.add(refused, 1)
  tally.add(refused, 1)
  expect(tally.unansweredInARow).toBe(2)
  tally.add(unavailable, 1)
  expect(tally.unansweredInARow).toBe(0)
})
