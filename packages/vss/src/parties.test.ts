import { describe, expect, test } from 'vitest'
import { atSecond, completedWith, legTimes, type WireObject } from '../../../test/support/vendor-examples.ts'

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
      'two outbound legs, B without numbers: no callee, for A’s is another party',
      { callA: leg(outbound, '+2', '+3'), callB: leg(outbound, null, null) },
      [null, '+2', null],
    ],
    [
      'outbound legs without a B: the one after the first',
      { callC: leg(outbound, '+4', '+5'), callA: leg(outbound, '+2', '+3') },
      [null, '+4', '+5'],
    ],
    [
      'a later leg that is inbound: the callee of the outbound one',
      { callA: leg(outbound, '+2', '+3'), callB: leg(inbound, '+4', '+5') },
      ['+4', '+5', '+3'],
    ],
    [
      'three legs, of which the second is inbound too',
      { callA: leg(inbound, '+1', '+2'), callB: leg(inbound, '+6', '+7'), callC: leg(outbound, '+2', '+3') },
      ['+1', '+2', '+3'],
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
    expect(completedWith(({ payload }) => Object.assign(payload, { details }))).toMatchObject({
      caller,
      virtualNumber,
      callee,
    })
  })
})

describe('the callee’s leg of a session with more than two', () => {
  /** An outbound leg; its destination tells which one is meant. */
  const called = (destination: string, when: WireObject) => ({
    callDirection: outbound,
    destination,
    ...when,
  })
  const caller = { callDirection: inbound, source: '+1', ...legTimes(0, 0, 59) }

  test.each<[string, Record<string, WireObject>, string | null, boolean, number | null, number | null]>([
    [
      'the one that talked, after one that did not answer',
      { callB: called('+3', legTimes(1, null, 9)), callC: called('+4', legTimes(10, 14, 50)) },
      '+4',
      true,
      4,
      36,
    ],
    [
      'the one that talked, before one that did not answer',
      { callB: called('+3', legTimes(1, 4, 20)), callC: called('+4', legTimes(21, null, 30)) },
      '+3',
      true,
      3,
      16,
    ],
    [
      'the one that talked for longest, of several',
      {
        callB: called('+3', legTimes(1, 2, 6)),
        callC: called('+4', legTimes(7, 9, 30)),
        callD: called('+5', legTimes(31, 33, 40)),
      },
      '+4',
      true,
      2,
      32,
    ],
    [
      'the first of those that talked as long',
      { callB: called('+3', legTimes(1, 2, 6)), callC: called('+4', legTimes(7, 9, 13)) },
      '+3',
      true,
      1,
      8,
    ],
    [
      'one whose end is known, before one whose end is not',
      { callB: called('+3', legTimes(1, 2, null)), callC: called('+4', legTimes(7, 9, 13)) },
      '+4',
      true,
      2,
      null,
    ],
    [
      'the one that was connected, though its end is not known',
      { callB: called('+3', legTimes(1, null, 9)), callC: called('+4', legTimes(10, 14, null)) },
      '+4',
      true,
      4,
      null,
    ],
    [
      'the first of them when none was connected',
      { callB: called('+3', legTimes(1, null, 9)), callC: called('+4', legTimes(10, null, 20)) },
      '+3',
      false,
      null,
      0,
    ],
    [
      'not one that was connected when it cannot have been',
      { callB: called('+3', legTimes(10, 2, 40)), callC: called('+4', legTimes(10, 14, 20)) },
      '+4',
      true,
      4,
      6,
    ],
    [
      'an outbound one, before one without a direction',
      { callB: { destination: '+3', ...legTimes(1, 2, 40) }, callC: called('+4', legTimes(10, 14, 20)) },
      '+4',
      true,
      4,
      38,
    ],
    [
      'an outbound one that was not connected, before a connected one without a direction',
      {
        callB: { destination: '+3', ...legTimes(1, 2, 9) },
        callC: called('+4', legTimes(10, null, 20)),
        callD: called('+5', legTimes(21, null, 30)),
      },
      '+4',
      false,
      null,
      7,
    ],
    [
      'the one after the first when none is outbound',
      {
        callB: { destination: '+3', ...legTimes(1, null, 9) },
        callC: { destination: '+4', ...legTimes(1, 2, 9) },
      },
      null,
      false,
      null,
      7,
    ],
  ])('is %s', (_what, legs, callee, answered, ringSeconds, talkSeconds) => {
    const session = completedWith(({ payload }) => {
      Object.assign(payload, { details: { callA: caller, ...legs }, endTime: atSecond(59) })
    })
    expect(session).toMatchObject({ caller: '+1', callee, answered, ringSeconds, talkSeconds })
  })
})
