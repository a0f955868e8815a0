import { describe, expect, test } from 'vitest'
import {
  bodyOf,
  completedExample,
  completedWith,
  rejectionOf,
  validated,
  type WireEvent,
  type WireObject,
} from '../../../test/support/vendor-examples.ts'
import { validateEvent } from './validate.ts'

const exampleSessionId = '1f048a84-ea6d-11ee-911b-078f7290bf52'

/** The reasons for which a body is rejected, as `code path`, with the session id that could be read. */
function verdict(body: Uint8Array | string) {
  const validation = validateEvent(typeof body === 'string' ? bodyOf(body) : body)
  if (validation.ok) return 'ok'
  return { reasons: validation.reasons.map(({ code, path }) => `${code} ${path}`), id: validation.sessionId }
}

describe('a body that is not JSON', () => {
  test.each([
    ['empty', ''],
    ['blank', ' \n'],
    ['a word', 'hello'],
    ['truncated', JSON.stringify(completedExample()).slice(0, -1)],
    ['JSON with more after it', '{}{}'],
    ['XML', '<session/>'],
    ['form data', 'namespace=VOICE'],
    ['JSON with a comment', '{/* */}'],
    ['JSON with NaN', '{"version":NaN}'],
  ])('is malformed_json: %s', (_what, body) => {
    expect(verdict(body)).toEqual({ reasons: ['malformed_json '], id: null })
  })

  test.each([
    ['Latin-1', Buffer.from('{"description":"\xfcber"}', 'latin1')],
    ['UTF-16', Buffer.from('{"a":1}', 'utf16le')],
    ['a cut character', Buffer.from('{"a":"\u00fc"}').subarray(0, 7)],
    ['an encoded surrogate', Buffer.from([0x22, 0xed, 0xa0, 0x80, 0x22])],
    ['gzip', Buffer.from([0x1f, 0x8b, 0x08, 0x00])],
  ])('is malformed_json: %s', (_what, body) => {
    expect(verdict(body)).toEqual({ reasons: ['malformed_json '], id: null })
  })
})

describe('a body that is JSON', () => {
  test.each(['null', '[]', '[{}]', '"VOICE"', '42', 'true'])(
    'but not an object is not_an_object: %s',
    (body) => {
      expect(verdict(body)).toEqual({ reasons: ['not_an_object '], id: null })
    },
  )

  test('may begin with a byte order mark', () => {
    expect(verdict(`\ufeff${JSON.stringify(completedExample())}`)).toBe('ok')
  })

  test('may be nested deeper than recursion goes', () => {
    const deep = `${'['.repeat(30_000)}${']'.repeat(30_000)}`
    const body = JSON.stringify(completedExample()).replace('{', `{"deep":${deep},`)
    expect(verdict(body)).toBe('ok')
  })
})

describe('an event of another kind', () => {
  test.each([
    ['another namespace', { namespace: 'SMS' }, ['unsupported_event namespace']],
    ['no namespace', { namespace: undefined }, ['unsupported_event namespace']],
    ['a namespace that is not a text', { namespace: ['VOICE'] }, ['unsupported_event namespace']],
    ['another event type', { eventType: 'CALL_STATUS' }, ['unsupported_event eventType']],
    ['no event type', { eventType: null }, ['unsupported_event eventType']],
    [
      'neither',
      { namespace: 'null', eventType: 7 },
      ['unsupported_event namespace', 'unsupported_event eventType'],
    ],
  ])('is unsupported_event: %s', (_what, change, reasons) => {
    expect(verdict(JSON.stringify({ ...completedExample(), ...change }))).toEqual({
      reasons,
      id: exampleSessionId,
    })
  })

  test('is not judged by the fields of a session summary', () => {
    expect(verdict('{"namespace":"VOICE","eventType":"CALL_STATUS","payload":{"details":[]}}')).toEqual({
      reasons: ['unsupported_event eventType'],
      id: null,
    })
  })

  test('is not an event whose namespace and type differ only in case or outer spaces', () => {
    const event = { ...completedExample(), namespace: ' Voice ', eventType: 'session_summary' }
    expect(verdict(JSON.stringify(event))).toBe('ok')
  })
})

const requiredMembers = ['sessionId', 'subAccountId', 'sessionStatus']

describe('a required field', () => {
  const nothings: unknown[] = [undefined, null, 'null']

  test.each(requiredMembers.flatMap((name) => nothings.map((value) => [name, value] as const)))(
    '%s that is %j is missing_field',
    (name, value) => {
      expect(rejectionOf(({ payload }) => Object.assign(payload, { [name]: value }))).toEqual([
        `missing_field payload.${name}`,
      ])
    },
  )

  test.each<[string, unknown]>([
    ['sessionId', 'x'],
    ['sessionId', ''],
    ['sessionId', 42],
    ['sessionId', `${exampleSessionId}0`],
    ['sessionId', { $ne: null }],
    ['subAccountId', ''],
    ['subAccountId', '   '],
    ['subAccountId', 17],
    ['subAccountId', 'a\0b'],
    ['subAccountId', '\ud800'],
    ['subAccountId', 'x'.repeat(256)],
    ['sessionStatus', ''],
    ['sessionStatus', true],
    ['sessionStatus', 'a\0b'],
    ['sessionStatus', '\udc00'],
    ['sessionStatus', 'X'.repeat(65)],
  ])('%s that is %j is invalid_field', (name, value) => {
    expect(rejectionOf(({ payload }) => Object.assign(payload, { [name]: value }))).toEqual([
      `invalid_field payload.${name}`,
    ])
  })

  test.each<[unknown, string]>([
    [undefined, 'missing_field payload'],
    [null, 'missing_field payload'],
    ['null', 'missing_field payload'],
    [[], 'invalid_field payload'],
    ['{}', 'invalid_field payload'],
  ])('payload that is %j is "%s"', (payload, reason) => {
    expect(rejectionOf((event) => Object.assign(event, { payload }))).toEqual([reason])
  })

  test('does not hide other faults', () => {
    const reasons = rejectionOf(({ payload }) => {
      Object.assign(payload, { subAccountId: null, sessionStatus: 5, startTime: null, endTime: 'now' })
      Object.assign(payload, { details: { callA: 1, callB: {}, CALLB: {} } })
    })
    expect(reasons).toEqual([
      'missing_field payload.subAccountId',
      'invalid_field payload.sessionStatus',
      'missing_field payload.startTime',
      'invalid_field payload.endTime',
      'invalid_field payload.details.callA',
      'invalid_field payload.details.callB',
    ])
  })

  test('that is a text is trimmed, and an id is put in lower case', () => {
    const session = completedWith(({ payload }) => {
      payload.sessionId = ` ${exampleSessionId.toUpperCase()} `
      payload.subAccountId = ' 8x8_test '
      payload.sessionStatus = ' completed '
      payload.startTime = ' 2024-03-25 06:01:30 '
    })
    expect(session).toMatchObject({
      sessionId: exampleSessionId,
      subAccountId: '8x8_test',
      status: 'COMPLETED',
      startedAtMs: Date.UTC(2024, 2, 25, 6, 1, 30),
      anomalies: [],
    })
  })

  test.each(['ab', 'x'.repeat(51), 'no spaces', 'ümlaut', 'a/b'])(
    'subAccountId that breaks the documented form is kept with invalid_value: %j',
    (subAccountId) => {
      const session = completedWith(({ payload }) => Object.assign(payload, { subAccountId }))
      expect(session).toMatchObject({ subAccountId, anomalies: ['invalid_value'] })
    },
  )
})

describe('reasons', () => {
  test('tell what was expected and never show what was sent', () => {
    const secret = '+6591178965'
    const event = completedExample()
    Object.assign(event.payload, { sessionId: secret, startTime: secret, endTime: null, details: secret })
    const validation = validateEvent(bodyOf({ ...event, [secret]: 1 }))
    expect(validation).toEqual({
      ok: false,
      sessionId: null,
      anomalyDetails: [
        { code: 'unknown_field', path: '?' },
        { code: 'invalid_value', path: 'payload.startTime' },
        { code: 'invalid_value', path: 'payload.endTime' },
      ],
      reasons: [
        { code: 'invalid_field', path: 'payload.sessionId', message: 'expected a UUID' },
        {
          code: 'invalid_field',
          path: 'payload.details',
          message: 'expected an object with one member per call leg',
        },
        {
          code: 'invalid_field',
          path: 'payload.startTime',
          message: 'expected an ISO 8601 date and time in the years 2000 to 9999, here or on a leg',
        },
        {
          code: 'missing_field',
          path: 'payload.endTime',
          message: 'expected an ISO 8601 date and time in the years 2000 to 9999, here or on a leg',
        },
      ],
    })
  })

  test('are twenty at most', () => {
    const letters = [...'ABCDEFGHIJKLMNOPQRSTUVWXYZ']
    const legs = Object.fromEntries(letters.map((letter) => [`call${letter}`, 0]))
    expect(rejectionOf(({ payload }) => Object.assign(payload.details, legs))).toHaveLength(20)
  })

  test('come with the session id when it can be read', () => {
    const event = completedExample()
    event.payload.sessionId = exampleSessionId.toUpperCase()
    event.payload.sessionStatus = null
    expect(validateEvent(bodyOf(event))).toMatchObject({ ok: false, sessionId: exampleSessionId })
  })
})

describe('legs', () => {
  const lettersOf = (details: WireObject) => {
    const event = completedExample()
    Object.assign(event.payload, { details })
    return validated(event).legs.map(({ leg }) => leg)
  }

  test('are the members named like callA in any case, by letter', () => {
    expect(lettersOf({ callC: {}, CALLB: {}, Calla: {} })).toEqual(['A', 'B', 'C'])
  })

  test.each([[null], ['null']])('that are %j are absent', (nothing) => {
    expect(lettersOf({ callA: {}, callB: nothing })).toEqual(['A'])
  })

  test.each(['call', 'callAB', 'call1', 'callA ', ' callA', 'recall', 'call\u00e4'])(
    'are not members like %j, which are unknown fields',
    (name) => {
      const session = completedWith(({ payload }) => Object.assign(payload.details, { [name]: {} }))
      expect(session).toMatchObject({ anomalies: ['unknown_field'], legs: [{ leg: 'A' }, { leg: 'B' }] })
    },
  )

  test('that differ only in case reject the event', () => {
    expect(rejectionOf(({ payload }) => Object.assign(payload.details, { CallA: {} }))).toEqual([
      'invalid_field payload.details.callA',
    ])
  })

  test('that differ only in case do not reject the event when one is absent', () => {
    expect(rejectionOf(({ payload }) => Object.assign(payload.details, { CallA: null }))).toEqual([])
  })

  test.each([[[]], ['callB'], [0], [false]])('that are %j reject the event', (leg) => {
    expect(rejectionOf(({ payload }) => Object.assign(payload.details, { callB: leg }))).toEqual([
      'invalid_field payload.details.callB',
    ])
  })
})

describe('details', () => {
  test.each([[undefined], [null], ['null'], [[]], [{}], [{ callA: null }]])(
    'that are %j are a session without legs',
    (details) => {
      const session = completedWith(({ payload }) => Object.assign(payload, { details, callCount: 0 }))
      expect(session).toMatchObject({ legs: [], answered: false, ringSeconds: null, talkSeconds: 0 })
      expect(session).toMatchObject({ caller: null, virtualNumber: null, callee: null })
      expect(session.anomalies).toEqual(['no_legs'])
    },
  )

  test.each([['callA'], [''], [2], [0], [false], [[{}]], [['callA']]])(
    'that are %j reject the event',
    (details) => {
      expect(rejectionOf(({ payload }) => Object.assign(payload, { details }))).toEqual([
        'invalid_field payload.details',
      ])
    },
  )
})

describe('an optional field', () => {
  const bad: [string, string, unknown, (event: WireEvent) => WireObject][] = [
    ['lastAction', 'lastAction', 7, ({ payload }) => payload],
    ['lastAction', 'lastAction', 'x'.repeat(65), ({ payload }) => payload],
    ['callCount', 'callCount', -1, ({ payload }) => payload],
    ['callCount', 'callCount', 2.5, ({ payload }) => payload],
    ['callCount', 'callCount', 2 ** 31, ({ payload }) => payload],
    ['clientRequestId', 'clientRequestId', 'a\0', ({ payload }) => payload],
    ['clientRequestId', 'clientRequestId', 'x'.repeat(256), ({ payload }) => payload],
    ['version', 'schemaVersion', 'five', (event) => event],
    ['version', 'schemaVersion', 5.5, (event) => event],
  ]

  test.each(bad)('%s of the session: %s is null with invalid_value for %j', (field, column, value, where) => {
    const session = completedWith((event) => Object.assign(where(event), { [field]: value }))
    expect(session).toMatchObject({ [column]: null, anomalies: ['invalid_value'] })
  })

  test.each<[string, string, unknown]>([
    ['callId', 'callId', 'x'],
    ['callDirection', 'direction', 1],
    ['callType', 'callType', {}],
    ['callStatus', 'status', '\ud800'],
    ['initiatedTimestamp', 'initiatedAtMs', 'soon'],
    ['disconnectedTimestamp', 'disconnectedAtMs', '2024-02-30T00:00:00Z'],
    ['callDuration', 'durationSeconds', '13s'],
    ['callDuration', 'durationSeconds', -13],
    ['callDuration', 'durationSeconds', 2 ** 53],
    ['source', 'source', -6591178965],
    ['source', 'source', 2 ** 53],
    ['destination', 'destination', `+${'6'.repeat(255)}`],
    ['sourceFormat', 'sourceFormat', false],
    ['destinationFormat', 'destinationFormat', ''],
    ['sourceCountryCode', 'sourceCountry', 'SGP'],
    ['destinationCountryCode', 'destinationCountry', '65'],
    ['sourceRefId', 'sourceRefId', ['PSTN1']],
    ['destinationRefId', 'destinationRefId', 'a\0b'],
  ])('%s of a leg: %s is null with invalid_value for %j', (field, column, value) => {
    const session = completedWith(({ payload }) => Object.assign(payload.details.callB, { [field]: value }))
    expect(session.legs[1]).toHaveProperty(column, null)
    expect(session.anomalies).toContain('invalid_value')
  })

  test.each<[string, string, unknown]>([
    ['mos', 'mos', 'good'],
    ['packetLossRate', 'packetLossRate', null],
    ['jitter', 'jitterMs', {}],
  ])('%s of the quality: %s is null for %j', (field, column, value) => {
    const session = completedWith(({ payload }) => {
      payload.details.callB.callQuality = { mos: 4.5, packetLossRate: 0, jitter: 19, [field]: value }
    })
    expect(session.legs[1]).toHaveProperty(column, null)
    expect(session.anomalies).toEqual(value === null ? [] : ['invalid_value'])
  })

  test.each(['1e400', '-1e400', '1e-300', '4e38'])(
    'a quality of %s, which no column can hold, is null',
    (mos) => {
      const body = JSON.stringify(completedExample()).replaceAll('"mos":4.5', `"mos":${mos}`)
      const session = validated(body)
      expect(session.legs.map((leg) => leg.mos)).toEqual([null, null])
      expect([...session.anomalies]).toEqual(['invalid_value'])
    },
  )

  test.each<[string, unknown]>([
    ['callQuality', 'good'],
    ['callQuality', [4.5]],
    ['errorDetails', 'none'],
    ['errorDetails', 0],
  ])('%s that is not an object (%j) is invalid_value', (field, value) => {
    const session = completedWith(({ payload }) => Object.assign(payload.details.callB, { [field]: value }))
    expect(session.anomalies).toEqual(['invalid_value'])
  })

  test('that is too long for its column does not reach it', () => {
    const session = completedWith(({ payload }) => {
      payload.errorDetails = { errorCode: -2001, errorMsg: 'x'.repeat(2001) }
    })
    expect(session).toMatchObject({ errorCode: -2001, errorMessage: null, anomalies: ['invalid_value'] })
  })
})

describe('a country', () => {
  const countryOf = (change: WireObject) =>
    completedWith(({ payload }) => Object.assign(payload.details.callA, change)).legs[0]?.sourceCountry

  test('is stored as sent, in upper case', () => {
    expect(countryOf({ sourceCountryCode: 'ca' })).toBe('CA')
  })

  test.each([[undefined], [null], ['null']])(
    'that is sent as %j is taken from the number',
    (sourceCountryCode) => {
      expect(countryOf({ sourceCountryCode })).toBe('US')
    },
  )

  test('that is sent but invalid stays unknown', () => {
    expect(countryOf({ sourceCountryCode: 'USA' })).toBeNull()
  })

  test.each(['+80012345678', '+266696687', 'anonymous', '0012314377870'])(
    'is unknown for %s, which has none',
    (source) => {
      expect(countryOf({ sourceCountryCode: null, source })).toBeNull()
    },
  )

  test.each([
    ['12314377870', 'MSISDN', 'US'],
    ['12314377870', null, 'US'],
    [12314377870, undefined, 'US'],
    ['12314377870', 'SIP', null],
  ])('of %j with the format %j is %j', (source, sourceFormat, country) => {
    expect(countryOf({ sourceCountryCode: null, source, sourceFormat })).toBe(country)
  })

  test('is unknown without a number', () => {
    expect(countryOf({ sourceCountryCode: null, source: null })).toBeNull()
  })
})

describe('unknown fields', () => {
  /** The object that a member holds; an absent one is added. */
  function memberObject(owner: WireObject, name: string): WireObject {
    owner[name] ??= {}
    return owner[name] as WireObject
  }

  const places: [where: string, path: string, find: (event: WireEvent) => WireObject][] = [
    ['the root', '', (event) => event],
    ['payload', 'payload.', ({ payload }) => payload],
    ['details', 'payload.details.', ({ payload }) => payload.details],
    ['a leg', 'payload.details.callA.', ({ payload }) => payload.details.callA],
    [
      'callQuality',
      'payload.details.callA.callQuality.',
      ({ payload }) => memberObject(payload.details.callA, 'callQuality'),
    ],
    [
      'errorDetails of the session',
      'payload.errorDetails.',
      ({ payload }) => memberObject(payload, 'errorDetails'),
    ],
    [
      'errorDetails of a leg',
      'payload.details.callB.errorDetails.',
      ({ payload }) => memberObject(payload.details.callB, 'errorDetails'),
    ],
  ]

  test.each(places)('in %s are flagged and change nothing', (_where, path, find) => {
    const flagged = completedWith((event) =>
      Object.assign(find(event), { recordingUrl: 'https://example.com' }),
    )
    const { anomalies, ...row } = completedWith(() => {})
    expect(anomalies).toEqual([])
    const anomalyDetails = [{ code: 'unknown_field', path: `${path}recordingUrl` }]
    expect(flagged).toEqual({ ...row, anomalies: ['unknown_field'], anomalyDetails })
  })

  test.each(places)('named __proto__ in %s are unknown fields like any other', (_where, path, find) => {
    const session = completedWith((event) => {
      Object.defineProperty(find(event), '__proto__', { value: { mos: 1, callId: 1 }, enumerable: true })
    })
    const anomalyDetails = [{ code: 'unknown_field', path: `${path}__proto__` }]
    expect(session).toEqual({ ...completedWith(() => {}), anomalies: ['unknown_field'], anomalyDetails })
  })

  test('are not the description and the version', () => {
    const session = completedWith((event) =>
      Object.assign(event, { description: { any: 'thing' }, version: 5 }),
    )
    expect(session).toMatchObject({ schemaVersion: 5, anomalies: [] })
  })
})
