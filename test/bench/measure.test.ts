import { expect, test } from 'vitest'
import { median, ratioOf, samplesOf, sideBySide } from './measure.ts'

test('the median is the middle sample, or the mean of the middle two', () => {
  expect(median([3, 1, 2])).toBe(2)
  expect(median([4, 1, 3, 2])).toBe(2.5)
  expect(median([7])).toBe(7)
})

test('all contestants are measured in every round, in turn', async () => {
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
  expect(samplesOf(measured, 'b')).toEqual([1, 100, 5])
  expect(() => samplesOf(measured, 'c')).toThrow('there are no samples of c')
})

test('a ratio is taken turn by turn, so that a disturbance of both sides does not show', () => {
  const others = Array.from({ length: 45 }, (_, turn) => 100 + 50 * Math.sin(turn))
  const drifting = ratioOf(
    others.map((other) => 1.1 * other),
    others,
  )
  expect(drifting.median).toBeCloseTo(1.1, 6)
  expect(drifting.interval[1] - drifting.interval[0]).toBeCloseTo(0, 6)
})

test('the interval of a ratio belongs to its median: with many samples it is narrower than the middle half', () => {
  const samples = Array.from({ length: 101 }, (_, index) => index)
  const { median, interval, middleHalf } = ratioOf(
    samples,
    samples.map(() => 1),
  )
  expect(median).toBe(50)
  // In 95 of 100 cases the median lies between ranks 41 and 61 of 101, counted from 1.
  expect(interval).toEqual([40, 60])
  expect(middleHalf).toEqual([25, 75])
  expect(ratioOf([3], [2])).toEqual({ median: 1.5, interval: [1.5, 1.5], middleHalf: [1.5, 1.5] })
})
