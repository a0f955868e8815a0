import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { repeatEvery } from './repeat.ts'

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

test('work is done at every interval, until the repetition is stopped', async () => {
  let done = 0
  const stop = repeatEvery(100, async () => void done++)
  await vi.advanceTimersByTimeAsync(350)
  expect(done).toBe(3)
  stop()
  await vi.advanceTimersByTimeAsync(500)
  expect(done).toBe(3)
})

test('turns that come during longer work are skipped, and reported', async () => {
  let begun = 0
  let overlaps = 0
  let finish = () => {}
  const work = () => {
    begun++
    return new Promise<void>((resolve) => {
      finish = resolve
    })
  }
  repeatEvery(100, work, { onOverlap: () => void overlaps++ })
  await vi.advanceTimersByTimeAsync(450)
  expect({ begun, overlaps }).toEqual({ begun: 1, overlaps: 3 })
  finish()
  await vi.advanceTimersByTimeAsync(100)
  expect(begun).toBe(2)
})
