import { expect, test } from 'vitest'
import { median, ratio, sideBySide } from './measure.ts'
import { isMet } from './scenario.ts'

test('the median is the middle sample, or the mean of the middle two', () => {
  expect(median([3, 1, 2])).toBe(2)
  expect(median([4, 1, 3, 2])).toBe(2.5)
  expect(median([7])).toBe(7)
})

test('everyone is measured in every round, in turn, and ratios are those of the medians', async () => {
  const order: string[] = []
  const contestant = (name: string, samples: number[]) => ({
    name,
    async measure(round: number) {
      order.push(`${name}${round}`)
      return samples[round]!
    },
  })
  const measured = await sideBySide({
    contestants: [contestant('a', [10, 30, 20]), contestant('b', [1, 100, 5])],
    rounds: 3,
    onStep: () => undefined,
  })
  expect(order).toEqual(['a0', 'b0', 'a1', 'b1', 'a2', 'b2'])
  expect(ratio(measured, 'a', 'b')).toBe(4)
  expect(() => ratio(measured, 'a', 'c')).toThrow('nothing was measured of c')
})

test('a target is met at its limit, from above or from below', () => {
  const target = { what: '', unit: '×', aim: 1, limit: 0.5 } as const
  expect([0.49, 0.5, 0.51].map((value) => isMet({ ...target, value }))).toEqual([false, true, true])
  expect([0.49, 0.5, 0.51].map((value) => isMet({ ...target, value, lowerIsBetter: true }))).toEqual([
    true,
    true,
    false,
  ])
})
