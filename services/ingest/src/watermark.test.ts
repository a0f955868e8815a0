import { expect, test } from 'vitest'
import { createInHand } from './watermark.ts'

test('the oldest is bounded by the cohorts that have a delivery in hand', () => {
  const inHand = createInHand()
  expect(inHand.oldestMs()).toBeNull()
  const first = inHand.enter({ receivedAtMs: 1_000 })
  inHand.enter({ receivedAtMs: 900 })
  expect(inHand.oldestMs()).toBe(900)
  inHand.turn()
  const second = inHand.enter({ receivedAtMs: 1_100 })
  inHand.leave(first)
  expect(inHand.oldestMs(), 'while one of the first cohort is in hand').toBe(900)
  inHand.leave(first)
  expect(inHand.oldestMs()).toBe(1_100)
  inHand.turn()
  inHand.turn()
  expect(inHand.oldestMs()).toBe(1_100)
  inHand.leave(second)
  expect(inHand.oldestMs()).toBeNull()
})
