import { describe, expect, test } from 'vitest'
import {
  completedExample,
  completedWith,
  enriched,
  errorExample,
  validated,
  type WireEvent,
  type WireObject,
} from '../../../test/support/vendor-examples.ts'
import { enrichSession } from './enrich.ts'
import { impliedStatuses, optOutStatuses, sessionStatuses } from './reference.ts'

const anomaliesOf = (change: (event: WireEvent) => void) => completedWith(change).anomalies
const withLegB = (change: WireObject) =>
  anomaliesOf(({ payload }) => Object.assign(payload.details.callB, change))
const withLegA = (change: WireObject) =>
  anomaliesOf(({ payload }) => Object.assign(payload.details.callA, change))

/** Anomalies of a session with these statuses: its legs', then its own. */
function withStatuses(legs: Record<string, unknown>, sessionStatus: string) {
  return anomaliesOf(({ payload }) => {
    const details = Object.entries(legs).map(([name, callStatus]) => [name, { callStatus }])
    Object.assign(payload, { details: Object.fromEntries(details), sessionStatus, callCount: null })
  })
}

describe('status_mismatch', () => {
  const rows = impliedStatuses.map(({ callA, callB, session }) => [callA, callB, session] as const)
  const legsOf = (callA: string, callB: string | null) => (callB === null ? { callA } : { callA, callB })

  test.each(rows)('is not raised for A %s, B %s, session %s', (callA, callB, session) => {
    expect(withStatuses(legsOf(callA, callB), session)).toEqual([])
  })

  test.each(rows)('is raised for A %s, B %s and any session status but %s', (callA, callB, session) => {
    const others = [...sessionStatuses].filter((status) => status !== session && !optOutStatuses.has(status))
    for (const other of others) expect(withStatuses(legsOf(callA, callB), other)).toEqual(['status_mismatch'])
    expect(others).toHaveLength(5)
  })

  test.each(rows.flatMap(([a, b]) => [...optOutStatuses].map((status) => [status, a, b] as const)))(
    'is not raised for the opt-out %s with A %s, B %s',
    (status, callA, callB) => {
      expect(withStatuses(legsOf(callA, callB), status)).toEqual([])
    },
  )

  test.each<[string, Record<string, unknown>]>([
    ['a combination that is not documented', { callA: 'BUSY', callB: 'FAILED' }],
    ['a single leg that nobody answered', { callA: 'NO_ANSWER' }],
    ['a third leg', { callA: 'COMPLETED', callB: 'COMPLETED', callC: 'COMPLETED' }],
    ['legs other than A and B', { callA: 'COMPLETED', callC: 'COMPLETED' }],
    ['leg B alone', { callB: 'COMPLETED' }],
    ['a leg without a status', { callA: 'COMPLETED', callB: null }],
  ])('is not raised for %s', (_what, legs) => {
    expect(withStatuses(legs, 'CANCELED')).toEqual([])
  })

  test('is not raised for a leg whose status is unknown', () => {
    expect(withStatuses({ callA: 'COMPLETED', callB: 'PARKED' }, 'CANCELED')).toEqual(['unknown_status'])
  })
})

describe('call_count_mismatch', () => {
  test.each([
    [2, []],
    ['2', []],
    [null, []],
    [1, ['call_count_mismatch']],
    [3, ['call_count_mismatch']],
    [0, ['call_count_mismatch']],
  ])('for two legs and a call count of %j: %j', (callCount, anomalies) => {
    expect(anomaliesOf(({ payload }) => Object.assign(payload, { callCount }))).toEqual(anomalies)
  })
})

describe('ends_before_start', () => {
  test.each([
    ['2024-03-25T06:01:30Z', []],
    ['2024-03-25T06:01:29.999Z', ['ends_before_start']],
  ])('of a session from 06:01:30 to %s: %j', (endTime, anomalies) => {
    expect(anomaliesOf(({ payload }) => Object.assign(payload, { endTime }))).toEqual(anomalies)
  })

  test('of a leg that is disconnected before it is connected', () => {
    expect(withLegB({ disconnectedTimestamp: '2024-03-25T06:01:36Z', callDuration: 0 })).toEqual([
      'ends_before_start',
    ])
  })

  test('of a leg that is disconnected before it is initiated', () => {
    const change = {
      connectedTimestamp: null,
      disconnectedTimestamp: '2024-03-25T06:01:29Z',
      callDuration: 0,
    }
    expect(withLegB(change)).toEqual(['ends_before_start'])
  })

  test('is not raised for a leg that lasted no time', () => {
    const change = {
      connectedTimestamp: null,
      disconnectedTimestamp: '2024-03-25T06:01:30Z',
      callDuration: 0,
    }
    expect(withLegB(change)).toEqual([])
  })
})

describe('connected_before_initiated', () => {
  test.each([
    ['2024-03-25T06:01:37Z', []],
    ['2024-03-25T06:01:38Z', ['connected_before_initiated']],
  ])('of a leg connected at 06:01:37 and initiated at %s: %j', (initiatedTimestamp, anomalies) => {
    expect(withLegA({ initiatedTimestamp })).toEqual(anomalies)
  })

  test('is not raised for a leg initiated before its session, as in the vendor’s example', () => {
    expect(withLegA({ initiatedTimestamp: '2024-03-25T05:00:00Z' })).toEqual([])
  })
})

describe('duration_mismatch', () => {
  test.each([
    [13, []],
    [12, []],
    [14, []],
    [11, ['duration_mismatch']],
    [15, ['duration_mismatch']],
    [null, []],
  ])('of a leg connected for 13 seconds and a duration of %j: %j', (callDuration, anomalies) => {
    expect(withLegB({ callDuration })).toEqual(anomalies)
  })

  test.each([
    [0, []],
    [1, ['duration_mismatch']],
  ])('of a leg that was never connected and a duration of %d: %j', (callDuration, anomalies) => {
    expect(withLegB({ connectedTimestamp: null, callDuration })).toEqual(anomalies)
  })

  test('is not raised for a leg whose end is unknown', () => {
    expect(withLegB({ disconnectedTimestamp: null, callDuration: 500 })).toEqual([])
  })

  test('allows a second and not a millisecond more', () => {
    const connectedTimestamp = '2024-03-25T06:01:36.999Z'
    expect(withLegB({ connectedTimestamp, callDuration: 13 })).toEqual([])
    expect(withLegB({ connectedTimestamp, callDuration: 12 })).toEqual(['duration_mismatch'])
  })
})

describe('error_mismatch', () => {
  const ofSession = (errorDetails: WireObject) =>
    anomaliesOf(({ payload }) => Object.assign(payload, { errorDetails }))

  const noCoverage = 'No coverage available for requested area'
  test.each<[WireObject, string[]]>([
    [{ errorCode: -2004, errorMsg: noCoverage }, []],
    [{ errorCode: '-2004', errorMsg: ` ${noCoverage.toLowerCase()}. ` }, []],
    [{ errorCode: -2005, errorMsg: noCoverage }, ['error_mismatch']],
    [{ errorCode: -2005, errorMsg: `${noCoverage.toUpperCase()}.` }, ['error_mismatch']],
    [{ errorCode: -1, errorMsg: noCoverage }, ['error_mismatch']],
    [{ errorCode: -2005, errorMsg: 'TTS engine timed out' }, []],
    [{ errorCode: -2005 }, []],
    [{ errorMsg: noCoverage }, []],
  ])('of %j: %j', (errorDetails, anomalies) => {
    expect(ofSession(errorDetails)).toEqual(anomalies)
    expect(withLegB({ errorDetails })).toEqual(anomalies)
  })
})

describe('number_not_e164', () => {
  test.each([
    ['+6591178965', []],
    ['6591178965', ['number_not_e164']],
    ['+65 9117 8965', ['number_not_e164']],
    ['anonymous', ['number_not_e164']],
    ['+65123', ['number_not_e164']],
    [null, []],
  ])('of the destination %j: %j', (destination, anomalies) => {
    expect(withLegB({ destination })).toEqual(anomalies)
  })

  test('of a source', () => {
    expect(withLegA({ source: '0012314377870' })).toEqual(['number_not_e164'])
  })
})

describe('number_country_mismatch', () => {
  test.each([
    ['+6591178965', 'SG', []],
    ['+6591178965', 'MY', ['number_country_mismatch']],
    ['+447911123456', 'GG', []],
    ['+441481960194', 'GB', []],
    ['+12314377870', 'CA', []],
    ['+12314377870', 'MX', ['number_country_mismatch']],
    ['+6591178965', 'XX', []],
    ['+6591178965', null, []],
    ['6591178965', 'MY', ['number_country_mismatch', 'number_not_e164']],
    ['6591178965', 'SG', ['number_not_e164']],
    ['+38344123456', 'XK', []],
    ['+37744123456', 'XK', []],
    ['+38138123456', 'XK', []],
    ['+38643123456', 'XK', []],
    ['+38344123456', 'RS', ['number_country_mismatch']],
    ['+38164123456', 'RS', []],
    ['+355691234567', 'XK', ['number_country_mismatch']],
    [null, 'MY', []],
  ])('of %s in %s: %j', (number, country, anomalies) => {
    expect(withLegB({ destination: number, destinationCountryCode: country })).toEqual(anomalies)
    expect(withLegA({ source: number, sourceCountryCode: country })).toEqual(anomalies)
  })
})

describe('number_not_valid', () => {
  test.each<[string, string | null, string]>([
    ['+266696687', 'LS', 'ANONYMOUS'],
    ['+266696687', 'SG', 'ANONYMOUS'],
    ['+7378742833', 'RU', 'RESTRICTED'],
    ['+7378742833', null, 'RESTRICTED'],
    ['+10000000000', 'US', 'zeros'],
    ['+8656696', 'CN', 'UNKNOWN'],
    ['+9999999999', 'SG', 'no calling code'],
    ['+6512345678', 'SG', 'no such range'],
    ['+38138123456', 'RS', 'Kosovo’s former range, but not its country'],
    ['+38312345', 'XK', 'Kosovo’s own code'],
  ])('of %s in %j (%s), and no country or type is taken from it', (number, country, _what) => {
    const change = { source: number, sourceCountryCode: country }
    const session = completedWith(({ payload }) => Object.assign(payload.details.callA, change))
    expect(session.anomalies).toEqual(['number_not_valid'])
    expect(session.caller).toBe(number)
    expect(session.legs[0]).toMatchObject({ source: number, sourceCountry: country, sourceType: null })
  })

  test.each([
    ['+6591178965', 'SG', []],
    ['+80012345678', null, []],
    ['+38138123456', 'XK', []],
    ['+38649123456', 'XK', []],
    ['+37745123456', 'XK', []],
    ['266696687', 'SG', ['number_not_e164']],
    ['+65123', 'SG', ['number_not_e164']],
    ['anonymous', null, ['number_not_e164']],
  ])('is not raised for %s in %j: %j', (number, country, anomalies) => {
    expect(withLegB({ destination: number, destinationCountryCode: country })).toEqual(anomalies)
  })
})

describe('no_legs', () => {
  const withDetails = (details: unknown, callCount: unknown) =>
    anomaliesOf(({ payload }) => Object.assign(payload, { details, callCount }))

  test.each<[unknown, unknown, string[]]>([
    [null, 0, ['no_legs']],
    [[], null, ['no_legs']],
    [{}, 0, ['no_legs']],
    [undefined, 1, ['call_count_mismatch', 'no_legs']],
    [{ callA: null }, 0, ['no_legs']],
    [{ summary: {} }, 0, ['no_legs', 'unknown_field']],
    [{ callB: {} }, 1, []],
  ])('of details that are %j and a call count of %j: %j', (details, callCount, anomalies) => {
    expect(withDetails(details, callCount)).toEqual(anomalies)
  })
})

describe('implausible_time', () => {
  const atStart = Date.parse('2024-03-25T06:01:30Z')
  const day = 24 * 60 * 60 * 1000

  test.each([
    ['a day before its start', atStart - day, []],
    ['more than a day before its start', atStart - day - 1, ['implausible_time']],
    ['a year before its start', atStart - 365 * day, ['implausible_time']],
    ['a year after its start', atStart + 365 * day, []],
  ])('of a session that was received %s: %j', (_when, receivedAtMs, anomalies) => {
    expect(enrichSession(validated(completedExample()), receivedAtMs).anomalies).toEqual(anomalies)
  })

  test.each([
    [{ endTime: '2024-03-26T06:01:30Z' }, []],
    [{ endTime: '2024-03-26T06:01:30.001Z' }, ['implausible_time']],
    [{ endTime: '9999-12-31T23:59:59Z' }, ['implausible_time']],
    [{ startTime: '2003-03-25T06:01:30Z' }, ['implausible_time']],
    [{ startTime: '2024-03-27T06:01:30Z' }, ['ends_before_start', 'implausible_time']],
    [{ endTime: '2023-03-25T06:01:30Z' }, ['ends_before_start']],
    [{ startTime: '1970-01-01T00:00:00Z' }, ['invalid_value']],
  ])('of a session with %j: %j', (change, anomalies) => {
    expect(anomaliesOf(({ payload }) => Object.assign(payload, change))).toEqual(anomalies)
  })

  test('of a session whose end comes from a leg', () => {
    const anomalies = anomaliesOf(({ payload }) => {
      payload.endTime = null
      Object.assign(payload.details.callB, {
        disconnectedTimestamp: '2024-03-27T00:00:00Z',
        callDuration: null,
      })
    })
    expect(anomalies).toEqual(['implausible_time', 'invalid_value'])
  })
})

describe('quality_out_of_range', () => {
  test.each<[WireObject, string[]]>([
    [{ mos: 1, packetLossRate: 0, jitter: 0 }, []],
    [{ mos: 5, packetLossRate: 1, jitter: 100_000 }, []],
    [{ mos: 0.9 }, ['quality_out_of_range']],
    [{ mos: 5.1 }, ['quality_out_of_range']],
    [{ packetLossRate: 1.01 }, ['quality_out_of_range']],
    [{ packetLossRate: -0.01 }, ['quality_out_of_range']],
    [{ jitter: -1 }, ['quality_out_of_range']],
    [{}, []],
  ])('of %j: %j', (callQuality, anomalies) => {
    expect(withLegB({ callQuality })).toEqual(anomalies)
  })
})

describe('the list of anomalies', () => {
  test('is sorted and names each once', () => {
    const session = completedWith((event) => {
      Object.assign(event, { x: 1 })
      Object.assign(event.payload, { y: 1, lastAction: 'RECORD', callCount: 9 })
      Object.assign(event.payload.details.callA, { z: 1, source: 'a', callDuration: 99 })
      Object.assign(event.payload.details.callB, { z: 1, source: 'b', callDuration: 99, callId: 1 })
    })
    expect(session.anomalies).toEqual([
      'call_count_mismatch',
      'duration_mismatch',
      'invalid_value',
      'number_not_e164',
      'unknown_action',
      'unknown_field',
    ])
  })

  test('joins what reading and enriching found', () => {
    const session = enriched({ ...errorExample(), extra: true })
    expect(session.anomalies).toEqual(['error_mismatch', 'unknown_field'])
  })
})
