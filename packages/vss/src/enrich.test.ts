import { describe, expect, test } from 'vitest'
import { completedSession, errorSession } from '../../../test/support/example-sessions.ts'
import {
  completedExample,
  completedWith,
  enriched,
  errorExample,
  examplesReceivedAtMs,
  validated,
} from '../../../test/support/vendor-examples.ts'
import { enrichSession } from './enrich.ts'
import { errorMeanings } from './reference.ts'

describe('the vendor’s examples', () => {
  test('the completed call, every column', () => {
    expect(enriched(completedExample())).toEqual(completedSession)
  })

  test('the failed message, every column', () => {
    expect(enriched(errorExample())).toEqual(errorSession)
  })
})

describe('the session’s duration', () => {
  test.each([
    ['2024-03-25T06:01:50.5Z', 20.5],
    ['2024-03-25T06:01:30Z', 0],
    ['2024-03-25T06:01:29Z', null],
  ])('from 06:01:30 to %s is %j', (endTime, durationSeconds) => {
    const session = completedWith(({ payload }) => Object.assign(payload, { endTime }))
    expect(session.durationSeconds).toBe(durationSeconds)
  })
})

describe('the session’s error', () => {
  const own = { errorCode: -2001, errorMsg: 'own' }
  const ofA = { errorCode: -2002, errorMsg: 'of A' }
  const ofB = { errorCode: -2003, errorMsg: 'of B' }
  const withErrors = (session: unknown, callA: unknown, callB: unknown) =>
    completedWith(({ payload }) => {
      payload.errorDetails = session
      payload.details.callA.errorDetails = callA
      payload.details.callB.errorDetails = callB
    })

  test.each<[string, unknown[], number | null, string | null]>([
    ['its own before its legs’', [own, ofA, ofB], -2001, 'own'],
    ['the error of the first leg that has one', [null, ofA, ofB], -2002, 'of A'],
    ['the error of leg B when A has none', [{}, null, ofB], -2003, 'of B'],
    ['a code alone', [{ errorCode: -2001 }, ofA, null], -2001, null],
    [
      'a message alone, not paired with the code of another error',
      [{ errorMsg: 'own' }, ofA, null],
      null,
      'own',
    ],
    ['none', [null, null, null], null, null],
  ])('is %s', (_what, [session, callA, callB], errorCode, errorMessage) => {
    expect(withErrors(session, callA, callB)).toMatchObject({ errorCode, errorMessage })
  })

  test('leaves the legs’ errors with the legs', () => {
    const { legs } = withErrors(own, ofA, null)
    expect(legs.map(({ errorCode, errorMessage }) => [errorCode, errorMessage])).toEqual([
      [-2002, 'of A'],
      [null, null],
    ])
  })

  test.each([...errorMeanings])('%d means "%s"', (errorCode, meaning) => {
    expect(withErrors({ errorCode }, null, null).errorMeaning).toBe(meaning)
  })

  test('has no meaning when its code is not documented', () => {
    expect(withErrors({ errorCode: -1 }, null, null).errorMeaning).toBeNull()
  })
})

describe('quality', () => {
  const withQuality = (callA: unknown, callB: unknown) =>
    completedWith(({ payload }) => {
      payload.details.callA.callQuality = callA
      payload.details.callB.callQuality = callB
    })

  test('is the worst of each measure, with the band of the worst MOS', () => {
    const session = withQuality(
      { mos: 4.4, packetLossRate: 0.03, jitter: 5 },
      { mos: 3.2, packetLossRate: 0.01, jitter: 41.5 },
    )
    expect(session).toMatchObject({ mosMin: 3.2, mosBand: 'poor', packetLossMax: 0.03, jitterMsMax: 41.5 })
    expect(session.legs.map(({ mosBand }) => mosBand)).toEqual(['excellent', 'poor'])
  })

  test('comes from the legs that have one', () => {
    expect(withQuality(null, { mos: 4.1 })).toMatchObject({
      mosMin: 4.1,
      mosBand: 'good',
      packetLossMax: null,
      jitterMsMax: null,
    })
  })

  test('leaves impossible values on the leg and out of the session', () => {
    const session = withQuality(
      { mos: 0, packetLossRate: 13, jitter: -3 },
      { mos: 4.1, packetLossRate: 0.01, jitter: 3 },
    )
    expect(session.legs[0]).toMatchObject({ mos: 0, mosBand: null, packetLossRate: 13, jitterMs: -3 })
    expect(session).toMatchObject({ mosMin: 4.1, packetLossMax: 0.01, jitterMsMax: 3 })
  })

  test('is unknown when every value is impossible', () => {
    expect(withQuality({ mos: 9 }, { mos: -9 })).toMatchObject({ mosMin: null, mosBand: null })
  })
})

test('enriching does not change the session that validation gave', () => {
  const session = validated(errorExample())
  const before = structuredClone(session)
  enrichSession(session, examplesReceivedAtMs)
  expect(session).toEqual(before)
})
