/** The vendor's documents and the wire disagree in thirteen places. The tests are numbered by them. */
import { describe, expect, test } from 'vitest'
import {
  completedExample,
  completedWith,
  enriched,
  errorExample,
  type WireObject,
} from '../../../test/support/vendor-examples.ts'

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
    expect(enriched(errorExample())).toMatchObject({
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
    expect(enriched(respell(completedExample(), spell))).toEqual(completedWith(() => {}))
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
    const session = enriched(errorExample())
    expect(session).toMatchObject({ status: 'ERROR', callCount: 1, answered: false, talkSeconds: 0 })
    expect(session.anomalies).not.toContain('call_count_mismatch')
    expect(session.anomalies).not.toContain('status_mismatch')
  })
})

describe('9: a session that could not be created', () => {
  test.each([[undefined], [null], [[]], [{}]])('is stored without legs: %j', (details) => {
    const event = errorExample()
    Object.assign(event.payload, { details, callCount: 0, startTime: null })
    expect(enriched(event)).toMatchObject({
      status: 'ERROR',
      startedAtMs: Date.UTC(2023, 6, 13, 9, 54, 38),
      durationSeconds: 0,
      answered: false,
      talkSeconds: 0,
      anomalies: ['error_mismatch', 'invalid_value', 'no_legs'],
      legs: [],
    })
  })
})

describe('10: a time that was never set', () => {
  test.each(['1970-01-01T00:00:00Z', '1969-12-31T23:59:59.999Z', '1970-01-01 07:30:00+07:30'])(
    'does not become talk time: %s',
    (connectedTimestamp) => {
      const event = errorExample()
      Object.assign(event.payload.details.callA, { connectedTimestamp })
      expect(enriched(event)).toMatchObject({ answered: false, ringSeconds: null, talkSeconds: 0 })
    },
  )
})

describe('11: more than two legs', () => {
  test.each(['callB', 'callC', 'callD'])('may have the callee on any later one: %s', (answering) => {
    const session = completedWith(({ payload }) => {
      const { callA, callB } = payload.details
      const silent = { ...callB, destination: '+6591178999', connectedTimestamp: null, callDuration: 0 }
      const details = { callA, callB: silent, callC: silent, callD: silent, [answering]: callB }
      Object.assign(payload, { details, callCount: 4 })
    })
    expect(session).toMatchObject({
      callee: '+6591178965',
      answered: true,
      ringSeconds: 7,
      talkSeconds: 13,
      anomalies: [],
    })
  })
})

describe('12: a withheld caller', () => {
  test.each([
    ['anonymous', 'number_not_e164'],
    ['Restricted', 'number_not_e164'],
    ['+266696687', 'number_not_valid'],
    ['+7378742833', 'number_not_valid'],
    [`sip:anonymous@${'x'.repeat(57)}.example.com`, 'number_not_e164'],
  ])('is kept as sent and flagged: %s', (source, anomaly) => {
    const change = { source, sourceCountryCode: null }
    const session = completedWith(({ payload }) => Object.assign(payload.details.callA, change))
    expect(session).toMatchObject({ caller: source, anomalies: [anomaly] })
    expect(session.legs[0]).toMatchObject({ sourceCountry: null, sourceType: null })
  })

  test('that is empty is nobody', () => {
    const session = completedWith(({ payload }) => Object.assign(payload.details.callA, { source: '' }))
    expect(session).toMatchObject({ caller: null, anomalies: ['invalid_value'] })
  })
})

describe('13: older payloads', () => {
  test.each([['12314377870'], [12314377870]])('have numbers without +: %j', (source) => {
    const change = { source, sourceCountryCode: null }
    const session = completedWith(({ payload }) => Object.assign(payload.details.callA, change))
    expect(session).toMatchObject({ caller: '12314377870', anomalies: ['number_not_e164'] })
    expect(session.legs[0]).toMatchObject({ sourceCountry: 'US', sourceType: 'FIXED_LINE_OR_MOBILE' })
  })

  test.each([
    ['MakeCall', 'MAKE_CALL'],
    ['PlayTTS', 'PLAY_TTS'],
    ['Say', 'SAY'],
    ['PlayFile', 'PLAY_FILE'],
    ['SayAndCapture', 'SAY_AND_CAPTURE'],
    ['Hangup', 'HANGUP'],
  ])('have other spellings of an action: %s', (lastAction, stored) => {
    const session = completedWith(({ payload }) =>
      Object.assign(payload, { lastAction, sessionStatus: 'Completed' }),
    )
    expect(session).toMatchObject({ lastAction: stored, status: 'COMPLETED', anomalies: [] })
  })

  test.each(['2024-03-25T14:01:30+08', '2024-03-25 14:01:30,000+08', '2024-03-25T14:01:30.000+0800'])(
    'have other times: %s',
    (startTime) => {
      const session = completedWith(({ payload }) => Object.assign(payload, { startTime }))
      expect(session).toMatchObject({ startedAtMs: Date.UTC(2024, 2, 25, 6, 1, 30), anomalies: [] })
    },
  )
})
