/** The vendor's documents and the wire disagree in eight places. The tests are numbered by them. */
import { describe, expect, test } from 'vitest'
import {
  completedExample,
  completedWith,
  errorExample,
  validated,
  type WireObject,
} from '../../../test/support/vendor-examples.ts'
import { enrichSession } from './enrich.ts'

describe('1: NO ANSWER and NO_ANSWER', () => {
  test.each(['NO ANSWER', 'NO_ANSWER', 'no answer', 'No-Answer'])('are one status: %s', (status) => {
    const session = completedWith(({ payload }) => {
      payload.sessionStatus = status
      payload.details.callB.callStatus = status
    })
    expect(session).toMatchObject({ status: 'NO_ANSWER', anomalies: [] })
    expect(session.legs[1]?.status).toBe('NO_ANSWER')
  })
})

describe('2: an error code', () => {
  test.each([[-2004], ['-2004']])('may be a number or a text: %j', (errorCode) => {
    const session = completedWith(({ payload }) => Object.assign(payload, { errorDetails: { errorCode } }))
    expect(session).toMatchObject({ errorCode: -2004, anomalies: [] })
  })
})

describe('3: the failure example, with the message of another code', () => {
  test('keeps code and message, adds the meaning of the code, and says that they disagree', () => {
    expect(enrichSession(validated(errorExample()))).toMatchObject({
      errorCode: -2005,
      errorMessage: 'No coverage available for requested area',
      errorMeaning: 'Unable to synthesize text to speech',
      anomalies: ['error_mismatch'],
    })
  })
})

describe('4: the case of keys', () => {
  function respell(value: unknown, spell: (key: string) => string): unknown {
    if (typeof value !== 'object' || value === null) return value
    return Object.fromEntries(
      Object.entries(value).map(([key, inner]) => [spell(key), respell(inner, spell)]),
    )
  }

  test.each<[string, (key: string) => string]>([
    ['CallA', (key) => key.charAt(0).toUpperCase() + key.slice(1)],
    ['calla', (key) => key.toLowerCase()],
    ['CALLA', (key) => key.toUpperCase()],
  ])('does not matter at any level: %s', (_spelling, spell) => {
    expect(enrichSession(validated(respell(completedExample(), spell)))).toEqual(completedWith(() => {}))
  })
})

describe('5: an absent value', () => {
  const optional = ['connectedTimestamp', 'sourceRefId', 'destinationRefId', 'callQuality', 'errorDetails']

  test.each([[undefined], [null], ['null']])('may be sent as %j', (nothing) => {
    const session = completedWith(({ payload }) => {
      const nothings = Object.fromEntries(optional.map((name) => [name, nothing]))
      Object.assign(payload.details.callB, { ...nothings, callDuration: nothing })
      Object.assign(payload, { clientRequestId: nothing, errorDetails: nothing })
    })
    expect(session.legs[1]).toMatchObject({
      connectedAtMs: null,
      durationSeconds: null,
      sourceRefId: null,
      destinationRefId: null,
      mos: null,
      packetLossRate: null,
      jitterMs: null,
      errorCode: null,
      errorMessage: null,
    })
    expect(session).toMatchObject({ clientRequestId: null, errorCode: null, anomalies: [] })
  })
})

describe('6: further parameters', () => {
  test('add an anomaly and do not reject the event', () => {
    const session = completedWith((event) => Object.assign(event.payload, { recordings: [{ id: 1 }] }))
    expect(session.anomalies).toEqual(['unknown_field'])
  })
})

describe('7: new values', () => {
  test.each<[string, WireObject, WireObject, object, string]>([
    [
      'session status',
      { sessionStatus: 'Parked Call' },
      { callStatus: 'FAILED', callDuration: 13 },
      { status: 'Parked Call' },
      'unknown_status',
    ],
    ['leg status', {}, { callStatus: 'PARKED' }, { legs: [{}, { status: 'PARKED' }] }, 'unknown_status'],
    ['action', { lastAction: 'record' }, {}, { lastAction: 'record' }, 'unknown_action'],
    [
      'direction',
      {},
      { callDirection: 'LOCAL' },
      { legs: [{}, { direction: 'LOCAL' }] },
      'unknown_direction',
    ],
    ['type', {}, { callType: 'WebRTC' }, { legs: [{}, { callType: 'WebRTC' }] }, 'unknown_type'],
  ])('of a %s are stored as sent and flagged', (_what, payloadChange, legChange, stored, anomaly) => {
    const session = completedWith(({ payload }) => {
      Object.assign(payload, payloadChange)
      Object.assign(payload.details.callB, legChange)
    })
    expect(session).toMatchObject(stored)
    expect(session.anomalies).toContain(anomaly)
  })

  test.each([
    ['makeCall', 'MAKE_CALL'],
    ['say', 'SAY'],
    ['sayAndCapture', 'SAY_AND_CAPTURE'],
  ])('do not include the documented spelling of an action, %s', (lastAction, stored) => {
    const session = completedWith(({ payload }) => Object.assign(payload, { lastAction }))
    expect(session).toMatchObject({ lastAction: stored, anomalies: [] })
  })

  test.each(['MAKE_CALL', 'PLAY_TTS', 'SAY', 'PLAY_FILE', 'SAY_AND_CAPTURE', 'HANGUP', 'say and capture'])(
    'do not include the action %s',
    (lastAction) => {
      const session = completedWith(({ payload }) => Object.assign(payload, { lastAction }))
      expect(session).toMatchObject({
        lastAction: lastAction.toUpperCase().replaceAll(' ', '_'),
        anomalies: [],
      })
    },
  )
})

describe('8: an error session', () => {
  test('has no answered leg, and its call count of 1 raises no anomaly', () => {
    const session = enrichSession(validated(errorExample()))
    expect(session).toMatchObject({ status: 'ERROR', callCount: 1, answered: false, talkSeconds: 0 })
    expect(session.anomalies).not.toContain('call_count_mismatch')
    expect(session.anomalies).not.toContain('status_mismatch')
  })
})
