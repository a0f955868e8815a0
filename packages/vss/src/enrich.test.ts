import { describe, expect, test } from 'vitest'
import { completedSession, errorSession } from '../../../test/support/example-sessions.ts'
import {
  completedExample,
  completedWith,
  errorExample,
  validated,
  type WireObject,
} from '../../../test/support/vendor-examples.ts'
import { enrichSession } from './enrich.ts'
import { errorMeanings } from './reference.ts'

describe('the vendor’s examples', () => {
  test('the completed call, every column', () => {
    expect(enrichSession(validated(completedExample()))).toEqual(completedSession)
  })

  test('the failed message, every column', () => {
    expect(enrichSession(validated(errorExample()))).toEqual(errorSession)
  })
})

/** The completed example with these legs instead of its own. */
function withLegs(details: Record<string, WireObject>) {
  return completedWith(({ payload }) => Object.assign(payload, { details }))
}

const inbound = 'INBOUND'
const outbound = 'OUTBOUND'
const leg = (callDirection: string, source: string | null, destination: string | null) => ({
  callDirection,
  source,
  destination,
})

describe('parties', () => {
  test.each<[string, Record<string, WireObject>, [string | null, string | null, string | null]]>([
    [
      'a masked call',
      { callA: leg(inbound, '+1', '+2'), callB: leg(outbound, '+2', '+3') },
      ['+1', '+2', '+3'],
    ],
    [
      'directions, not letters',
      { callB: leg(inbound, '+1', '+2'), callA: leg(outbound, '+2', '+3') },
      ['+1', '+2', '+3'],
    ],
    ['an IVR call', { callA: leg(inbound, '+1', '+2') }, ['+1', '+2', null]],
    ['a voice message', { callA: leg(outbound, '+2', '+3') }, [null, '+2', '+3']],
    [
      'two outbound legs: B is the callee',
      { callA: leg(outbound, '+2', '+3'), callB: leg(outbound, '+4', '+5') },
      [null, '+4', '+5'],
    ],
    [
      'two outbound legs, B without numbers: the numbers of A',
      { callA: leg(outbound, '+2', '+3'), callB: leg(outbound, null, null) },
      [null, '+2', '+3'],
    ],
    [
      'outbound legs without a B: by letter',
      { callC: leg(outbound, '+4', '+5'), callA: leg(outbound, '+2', '+3') },
      [null, '+2', '+3'],
    ],
    [
      'an inbound leg without a destination',
      { callA: leg(inbound, '+1', null), callB: leg(outbound, '+2', '+3') },
      ['+1', '+2', '+3'],
    ],
    ['an unknown direction', { callA: leg('LOCAL', '+1', '+2') }, [null, null, null]],
    ['no direction', { callA: { source: '+1', destination: '+2' } }, [null, null, null]],
    ['no leg', {}, [null, null, null]],
  ])('of %s', (_what, details, [caller, virtualNumber, callee]) => {
    expect(withLegs(details)).toMatchObject({ caller, virtualNumber, callee })
  })
})

const at = (second: number) => `2024-03-25T06:02:${String(second).padStart(2, '0')}Z`
/** The times of a leg, as seconds of one minute; null is never or unknown. */
const times = (initiated: number | null, connected: number | null, disconnected: number | null) => ({
  initiatedTimestamp: initiated === null ? null : at(initiated),
  connectedTimestamp: connected === null ? null : at(connected),
  disconnectedTimestamp: disconnected === null ? null : at(disconnected),
})

describe('answered and ring time', () => {
  test.each<[string, Record<string, WireObject>, boolean, number | null]>([
    ['leg B when there is one', { callA: times(0, 1, 9), callB: times(2, 6, 9) }, true, 4],
    ['leg B even if A was connected', { callA: times(0, 1, 9), callB: times(2, null, 9) }, false, null],
    ['leg A when it is alone', { callA: times(0, 3, 9) }, true, 3],
    ['the first letter without A and B', { callD: times(0, 3, 9), callC: times(0, null, 9) }, false, null],
    ['a leg whose initiation is unknown', { callA: times(null, 3, 9) }, true, null],
    ['a leg connected before it was initiated', { callA: times(4, 3, 9) }, true, null],
    ['a leg connected at once', { callA: times(3, 3, 9) }, true, 0],
    ['no leg', {}, false, null],
  ])('come from %s', (_what, details, answered, ringSeconds) => {
    expect(withLegs(details)).toMatchObject({ answered, ringSeconds })
  })

  test('of each leg are its own', () => {
    const { legs } = withLegs({ callA: times(0, 1, 9), callB: times(2, 6, 9), callC: times(2, null, 9) })
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
    ['a leg alone: while it was connected', { callA: times(0, 2, 9) }, 7],
    ['two legs: while both were', { callA: times(0, 1, 8), callB: times(2, 5, 9) }, 3],
    [
      'three legs: while all were',
      { callA: times(0, 1, 8), callB: times(2, 5, 9), callC: times(2, 6, 9) },
      2,
    ],
    ['legs that never met', { callA: times(0, 1, 4), callB: times(2, 5, 9) }, 0],
    ['a leg that was never connected', { callA: times(0, 1, 8), callB: times(2, null, 9) }, 0],
    ['a leg whose end is unknown', { callA: times(0, 1, 8), callB: times(2, 5, null) }, null],
    [
      'an unknown end beside a leg never connected',
      { callA: times(0, 1, null), callB: times(2, null, 9) },
      0,
    ],
    ['a leg that ends before it starts', { callA: times(0, 5, 2) }, 0],
    ['no leg', {}, 0],
  ])('of %s', (_what, details, talkSeconds) => {
    expect(withLegs(details).talkSeconds).toBe(talkSeconds)
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
  enrichSession(session)
  expect(session).toEqual(before)
})
