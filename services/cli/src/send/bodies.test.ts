import { expect, test } from 'vitest'
import { generateBodies, pastDays } from './bodies.ts'

test.each([
  ['2026-03-10T12:19:59.999Z', '2026-03-08T11:00:00Z', '2026-03-10T11:00:00Z'],
  ['2026-03-10T12:20:00.000Z', '2026-03-08T12:00:00Z', '2026-03-10T12:00:00Z'],
])('at %s two past days begin at %s and end at %s, when the longest call is over', (now, from, until) => {
  expect(pastDays(2, Date.parse(now))).toEqual({ fromMs: Date.parse(from), untilMs: Date.parse(until) })
})

test('the same seed gives the same bodies within an hour', async () => {
  const bodiesAt = async (now: string) => {
    const period = pastDays(2, Date.parse(now))
    const { values } = await generateBodies({ count: 20, seed: 'same', dirtyShare: 0.1, period })
    return Array.from({ length: 20 }, () => Buffer.from(values.next().value!).toString())
  }
  const bodies = await bodiesAt('2026-03-10T12:20:00Z')

  expect(await bodiesAt('2026-03-10T13:19:59Z')).toEqual(bodies)
  expect(await bodiesAt('2026-03-10T13:20:00Z')).not.toEqual(bodies)
})
