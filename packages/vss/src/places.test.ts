import { describe, expect, test } from 'vitest'
import { completedWith, type WireEvent } from '../../../test/support/vendor-examples.ts'
import { anomalyCodes } from './model.ts'

function placesOf(change: (event: WireEvent) => void): string[] {
  return (completedWith(change).anomalyDetails ?? []).map(({ code, path }) => `${code} ${path}`)
}

describe('the place of an anomaly', () => {
  const legChanges: [change: object, place: string][] = [
    [{ callId: 'x' }, 'invalid_value payload.details.callB.callId'],
    [{ initiatedTimestamp: 'x' }, 'invalid_value payload.details.callB.initiatedTimestamp'],
    [{ sourceCountryCode: 'SGP' }, 'invalid_value payload.details.callB.sourceCountryCode'],
    [{ callQuality: 5 }, 'invalid_value payload.details.callB.callQuality'],
    [{ callQuality: { mos: 'x' } }, 'invalid_value payload.details.callB.callQuality.mos'],
    [{ errorDetails: { errorCode: 'x' } }, 'invalid_value payload.details.callB.errorDetails.errorCode'],
    [{ callQuality: { mos: 9 } }, 'quality_out_of_range payload.details.callB.callQuality'],
    [{ callType: 'WebRTC' }, 'unknown_type payload.details.callB.callType'],
    [{ callDirection: 'LOCAL' }, 'unknown_direction payload.details.callB.callDirection'],
    [{ callStatus: 'PARKED' }, 'unknown_status payload.details.callB.callStatus'],
    [{ destination: 'somebody' }, 'number_not_e164 payload.details.callB.destination'],
    [{ callDuration: 500 }, 'duration_mismatch payload.details.callB.callDuration'],
  ]
  test.each(legChanges)('of %j on a leg is %s', (change, place) => {
    expect(placesOf(({ payload }) => Object.assign(payload.details.callB, change))).toEqual([place])
  })

  const sessionChanges: [change: object, place: string][] = [
    [{ startTime: 'x' }, 'invalid_value payload.startTime'],
    [{ subAccountId: 'a b' }, 'invalid_value payload.subAccountId'],
    [{ callCount: 7 }, 'call_count_mismatch payload.callCount'],
    [{ lastAction: 'record' }, 'unknown_action payload.lastAction'],
    [{ sessionStatus: 'BUSY' }, 'status_mismatch payload.sessionStatus'],
    [{ details: {}, callCount: 0 }, 'no_legs payload.details'],
    [{ endTime: '2024-03-25T06:01:29Z' }, 'ends_before_start payload.endTime'],
  ]
  test.each(sessionChanges)('of %j on the session is %s', (change, place) => {
    expect(placesOf(({ payload }) => Object.assign(payload, change))).toEqual([place])
  })

  test('is null where there is none', () => {
    expect(completedWith(() => {}).anomalyDetails).toBeNull()
  })

  test('comes for each field, sorted', () => {
    expect(
      placesOf(({ payload }) => {
        Object.assign(payload, { zone: 1, area: 1 })
        Object.assign(payload.details.callA, { callId: undefined, id: 1 })
      }),
    ).toEqual([
      'unknown_field payload.area',
      'unknown_field payload.details.callA.id',
      'unknown_field payload.zone',
    ])
  })

  test.each([
    ['recordingUrl', 'recordingUrl'],
    ['x-trace_id.2', 'x-trace_id.2'],
    ['+6591178965', '?'],
    ['6591178965', '?'],
    ['to 202 555', '?'],
    ['n202_555_0123', '?'],
    ['__proto__', '__proto__'],
    ['名前', '?'],
    ['a\u0000b', '?'],
    ['\u001b[31m', '?'],
    ['x'.repeat(65), '?'],
    ['', '?'],
  ])('names the unknown field %j as %s', (name, shown) => {
    const place = placesOf(({ payload }) =>
      Object.defineProperty(payload, name, { value: 1, enumerable: true }),
    )
    expect(place).toEqual([`unknown_field payload.${shown}`])
  })

  test('is kept for 50 fields, and for the first of each further anomaly', () => {
    const session = completedWith(({ payload }) => {
      for (let field = 0; field < 10_000; field++) payload[`field_${field}`] = 1
      Object.assign(payload.details.callB, { callId: 'x', source: 'somebody', destination: 'nobody' })
    })
    const codes = session.anomalyDetails!.map(({ code }) => code)
    expect(session.anomalies).toEqual(['invalid_value', 'number_not_e164', 'unknown_field'])
    expect(codes.filter((code) => code === 'unknown_field')).toHaveLength(50)
    expect(codes).toHaveLength(52)
    expect(codes.length).toBeLessThanOrEqual(50 + anomalyCodes.length)
  })
})
