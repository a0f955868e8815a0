import { expect, test } from 'vitest'
import { createProgress } from './progress.ts'

test('work is stuck when nothing happens to it for long, and an idle service is not', () => {
  let now = 0
  const progress = createProgress({ stuckAfterMs: 1_000, now: () => now })
  now = 5_000
  expect(progress.isStuck, 'with nothing in hand').toBe(false)

  progress.begin()
  now = 6_000
  expect(progress.isStuck, 'just begun').toBe(false)
  progress.begin()
  now = 6_001
  expect(progress.isStuck, 'more work is no progress').toBe(true)

  progress.step()
  expect(progress.isStuck).toBe(false)
  now = 8_000
  expect(progress.isStuck).toBe(true)
  progress.end()
  expect(progress.isStuck, 'one of two is done').toBe(false)
  now = 10_000
  expect(progress.isStuck).toBe(true)
  progress.end()
  expect(progress.isStuck).toBe(false)
})
