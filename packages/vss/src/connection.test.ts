import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { atSecond, completedWith, legTimes, type WireObject } from '../../../test/support/vendor-examples.ts'

/** The completed example with these legs instead of its own, and an end after theirs. */
function withLegs(details: Record<string, WireObject>) {
  return completedWith(({ payload }) => Object.assign(payload, { details, endTime: atSecond(59) }))
}

describe('answered and ring time', () => {
  test.each<[string, Record<string, WireObject>, boolean, number | null]>([
    ['leg B when there is one', { callA: legTimes(0, 1, 9), callB: legTimes(2, 6, 9) }, true, 4],
    ['leg B even if A was connected', { callA: legTimes(0, 1, 9), callB: legTimes(2, null, 9) }, false, null],
    ['leg A when it is alone', { callA: legTimes(0, 3, 9) }, true, 3],
    ['the second letter without A and B', { callD: legTimes(0, 3, 9), callC: legTimes(0, null, 9) }, true, 3],
    ['a leg whose initiation is unknown', { callA: legTimes(null, 3, 9) }, true, null],
    ['a leg connected at once', { callA: legTimes(3, 3, 9) }, true, 0],
    ['a leg connected a rounded second before it was initiated', { callA: legTimes(4, 3, 9) }, true, 0],
    ['a leg connected too long before it was initiated', { callA: legTimes(5, 3, 9) }, false, null],
    ['a leg that ended a rounded second before it was connected', { callA: legTimes(0, 5, 4) }, true, 5],
    ['a leg that ended too long before it was connected', { callA: legTimes(0, 5, 3) }, false, null],
    ['a leg whose end is unknown', { callA: legTimes(0, 5, null) }, true, 5],
    ['no leg', {}, false, null],
  ])('come from %s', (_what, details, answered, ringSeconds) => {
    expect(withLegs(details)).toMatchObject({ answered, ringSeconds })
  })

  test('of each leg are its own', () => {
    const { legs } = withLegs({
      callA: legTimes(0, 1, 9),
      callB: legTimes(2, 6, 9),
      callC: legTimes(2, null, 9),
    })
    expect(legs.map(({ ringSeconds }) => ringSeconds)).toEqual([1, 4, null])
  })

  test('have milliseconds as fractions', () => {
    const change = { initiatedTimestamp: '2024-03-25T06:01:30.250Z' }
    expect(completedWith(({ payload }) => Object.assign(payload.details.callB, change)).ringSeconds).toBe(
      6.75,
    )
  })
})

describe('talk time', () => {
  test.each<[string, Record<string, WireObject>, number | null]>([
    ['a leg alone: while it was connected', { callA: legTimes(0, 2, 9) }, 7],
    ['two legs: while both were', { callA: legTimes(0, 1, 8), callB: legTimes(2, 5, 9) }, 3],
    [
      'three legs: while the first and any other were',
      { callA: legTimes(0, 1, 8), callB: legTimes(2, 5, 9), callC: legTimes(2, 6, 9) },
      3,
    ],
    [
      'legs that came one after the other',
      { callA: legTimes(0, 1, 30), callB: legTimes(2, 5, 9), callC: legTimes(10, 14, 40) },
      20,
    ],
    [
      'a later leg that was connected within another',
      {
        callA: legTimes(0, 1, 30),
        callB: legTimes(2, 5, 20),
        callC: legTimes(2, 6, 9),
        callD: legTimes(2, 18, 25),
      },
      20,
    ],
    [
      'an earlier leg that comes later by letter',
      { callA: legTimes(0, 1, 30), callB: legTimes(2, 15, 25), callC: legTimes(2, 5, 9) },
      14,
    ],
    [
      'later legs that talked without the first',
      { callA: legTimes(0, 1, 4), callB: legTimes(2, 5, 30), callC: legTimes(2, 6, 30) },
      0,
    ],
    [
      'a first leg that was never connected',
      { callA: legTimes(0, null, 30), callB: legTimes(2, 5, 9), callC: legTimes(10, 14, 40) },
      0,
    ],
    ['legs that never met', { callA: legTimes(0, 1, 4), callB: legTimes(2, 5, 9) }, 0],
    ['a leg that was never connected', { callA: legTimes(0, 1, 8), callB: legTimes(2, null, 9) }, 0],
    ['a leg whose end is unknown', { callA: legTimes(0, 1, 8), callB: legTimes(2, 5, null) }, null],
    [
      'an unknown end beside a leg never connected',
      { callA: legTimes(0, 1, null), callB: legTimes(2, null, 9) },
      0,
    ],
    ['a leg that ends before it starts', { callA: legTimes(0, 5, 2) }, 0],
    ['a leg that ends a rounded second before it starts', { callA: legTimes(0, 5, 4) }, 0],
    ['a leg alone whose end is unknown', { callA: legTimes(0, 5, null) }, null],
    [
      'a leg that was connected too long before it was initiated',
      { callA: legTimes(0, 1, 8), callB: legTimes(7, 5, 9) },
      0,
    ],
    ['no leg', {}, 0],
  ])('of %s', (_what, details, talkSeconds) => {
    expect(withLegs(details).talkSeconds).toBe(talkSeconds)
  })

  test.each<[string, WireObject, number | null]>([
    ['its length, where the legs talked for longer', { endTime: '2024-03-25T06:01:35Z' }, 5],
    ['its length to the millisecond', { endTime: '2024-03-25T06:01:35.250Z' }, 5.25],
    ['no length shorter than the talk', { endTime: '2024-03-25T06:01:43Z' }, 13],
    ['no length of 0', { endTime: '2024-03-25T06:01:30Z' }, 13],
    ['no length below 0', { endTime: '2024-03-25T06:01:00Z' }, 13],
    ['no length without an end', { endTime: null }, 13],
    ['no length without a start', { startTime: '1970-01-01T00:00:00Z', endTime: '2024-03-25T06:01:29Z' }, 13],
  ])('is bounded by the session’s: %s', (_what, change, talkSeconds) => {
    const session = completedWith(({ payload }) => Object.assign(payload, change))
    expect(session.talkSeconds).toBe(talkSeconds)
  })

  test('of any legs is the seconds in which the first and another were connected', () => {
    const second = fc.integer({ min: 0, max: 59 })
    const spans = fc.array(
      fc.tuple(second, second).map(([a, b]) => [Math.min(a, b), Math.max(a, b)] as const),
      {
        minLength: 2,
        maxLength: 6,
      },
    )
    fc.assert(
      fc.property(spans, (each) => {
        const details = Object.fromEntries(
          each.map(([from, to], index) => [`call${'ABCDEF'[index]}`, legTimes(0, from, to)]),
        )
        const isConnected = (moment: number) => each.map(([from, to]) => from <= moment && moment < to)
        const together = Array.from({ length: 60 }, (_, moment) => isConnected(moment)).filter(
          ([first, ...others]) => first && others.includes(true),
        )
        expect(withLegs(details).talkSeconds).toBe(together.length)
      }),
    )
  })

  test('that is unknown is not made known by the session’s length', () => {
    const change = { disconnectedTimestamp: null, callDuration: null }
    const session = completedWith(({ payload }) => Object.assign(payload.details.callB, change))
    expect(session).toMatchObject({ durationSeconds: 20, talkSeconds: null })
  })
})

describe('a time of a leg that was never set', () => {
  const epochs = [
    '1970-01-01T00:00:00Z',
    '1969-12-31T23:59:59.999Z',
    '1970-01-01T08:00:00+08:00',
    '0001-01-01T00:00:00Z',
    '1999-12-31T23:59:59Z',
  ]
  const ofCallee = (change: WireObject) =>
    completedWith(({ payload }) => Object.assign(payload.details.callB, change))

  test.each(epochs)('%s is no answer', (connectedTimestamp) => {
    const session = ofCallee({ connectedTimestamp, callDuration: 0 })
    expect(session).toMatchObject({ answered: false, ringSeconds: null, talkSeconds: 0 })
    expect(session.legs[1]).toMatchObject({ connectedAtMs: null, ringSeconds: null })
    expect(session.anomalies).toEqual(['invalid_value'])
  })

  test.each(epochs)('%s is no end, so that the talk time is unknown', (disconnectedTimestamp) => {
    const session = ofCallee({ disconnectedTimestamp })
    expect(session).toMatchObject({ answered: true, ringSeconds: 7, talkSeconds: null })
    expect(session.legs[1]).toMatchObject({ disconnectedAtMs: null })
    expect(session.anomalies).toEqual(['invalid_value'])
  })

  test.each(epochs)('%s is no initiation, so that the ring time is unknown', (initiatedTimestamp) => {
    const session = ofCallee({ initiatedTimestamp })
    expect(session).toMatchObject({ answered: true, ringSeconds: null, talkSeconds: 13 })
    expect(session.legs[1]).toMatchObject({ initiatedAtMs: null, ringSeconds: null })
    expect(session.anomalies).toEqual(['invalid_value'])
  })

  test.each(['2003-01-01T00:00:00Z', '2024-03-25T06:01:28Z', '2024-03-25T06:01:51.001Z'])(
    '%s is no answer either, because the leg’s other times contradict it',
    (connectedTimestamp) => {
      const session = ofCallee({ connectedTimestamp, callDuration: null })
      expect(session).toMatchObject({ answered: false, ringSeconds: null, talkSeconds: 0 })
      expect(session.legs[1]).toMatchObject({
        connectedAtMs: Date.parse(connectedTimestamp),
        ringSeconds: null,
      })
    },
  )

  test.each([
    ['2024-03-25T06:01:29Z', 0, 13],
    ['2024-03-25T06:01:29.400Z', 0, 13],
    ['2024-03-25T06:01:51Z', 21, 0],
  ])('%s is an answer, because rounding explains it', (connectedTimestamp, ringSeconds, talkSeconds) => {
    const session = ofCallee({ connectedTimestamp, callDuration: null })
    expect(session).toMatchObject({ answered: true, ringSeconds, talkSeconds })
  })
})
