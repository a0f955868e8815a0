import { expect, test } from 'vitest'
import { createBackoff } from './backoff.ts'

const backoff = createBackoff({ firstMs: 100, longestMs: 500 })

test.each([
  { failures: 0, fullMs: 100 },
  { failures: 1, fullMs: 200 },
  { failures: 2, fullMs: 400 },
  { failures: 3, fullMs: 500 },
  { failures: 1_000_000, fullMs: 500 },
])(
  'after $failures failures the wait is between half of $fullMs ms and all of it',
  ({ failures, fullMs }) => {
    const waits = Array.from({ length: 1_000 }, () => backoff(failures))
    expect(Math.min(...waits)).toBeGreaterThanOrEqual(fullMs / 2)
    expect(Math.max(...waits)).toBeLessThanOrEqual(fullMs)
    expect(new Set(waits).size, 'different waits').toBeGreaterThan(20)
  },
)
