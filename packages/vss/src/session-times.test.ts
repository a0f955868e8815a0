import { describe, expect, test } from 'vitest'
import { completedWith, rejectionOf } from '../../../test/support/vendor-examples.ts'

describe('the session’s times', () => {
  const legTimes = ['initiatedTimestamp', 'connectedTimestamp', 'disconnectedTimestamp']
  const withoutLegTimes = Object.fromEntries(legTimes.map((name) => [name, null]))
  /** Values of a time that cannot be read. */
  const unusable: [unknown][] = [
    [undefined],
    [null],
    ['null'],
    [''],
    ['1970-01-01T00:00:00Z'],
    ['1969-12-31T23:59:59.999Z'],
    ['0001-01-01T00:00:00Z'],
    ['2024-02-30T00:00:00Z'],
    [1711346490],
    [['2024-03-25T06:01:50Z']],
  ]

  test.each(unusable)('a start that is %j is the first time of the legs', (startTime) => {
    const session = completedWith(({ payload }) => Object.assign(payload, { startTime }))
    expect(session).toMatchObject({
      startedAtMs: Date.UTC(2024, 2, 25, 6, 1, 28),
      endedAtMs: Date.UTC(2024, 2, 25, 6, 1, 50),
      durationSeconds: 22,
      anomalies: ['invalid_value'],
    })
  })

  test.each(unusable)('an end that is %j is the last time of the legs', (endTime) => {
    const session = completedWith(({ payload }) => {
      Object.assign(payload, { endTime })
      Object.assign(payload.details.callA, {
        disconnectedTimestamp: '2024-03-25T06:01:55Z',
        callDuration: 18,
      })
    })
    expect(session).toMatchObject({
      startedAtMs: Date.UTC(2024, 2, 25, 6, 1, 30),
      endedAtMs: Date.UTC(2024, 2, 25, 6, 1, 55),
      durationSeconds: 25,
      anomalies: ['invalid_value'],
    })
  })

  test.each(unusable)('both that are %j are the first and the last time of the legs', (time) => {
    const session = completedWith(({ payload }) => Object.assign(payload, { startTime: time, endTime: time }))
    expect(session).toMatchObject({ durationSeconds: 22, anomalies: ['invalid_value'] })
  })

  test.each([
    ['startTime', { startTime: '1970-01-01T00:00:00Z' }, '2024-03-25T06:01:50.000Z'],
    ['endTime', { endTime: null }, '2024-03-25T06:01:30.000Z'],
    ['startTime', { startTime: 'now', details: null }, '2024-03-25T06:01:50.000Z'],
  ])('one of them stands for %s when the legs have no time', (_name, change, expected) => {
    const session = completedWith(({ payload }) => {
      for (const leg of [payload.details.callA, payload.details.callB]) {
        Object.assign(leg, withoutLegTimes, { callDuration: null })
      }
      Object.assign(payload, change)
    })
    expect(new Date(session.startedAtMs).toISOString()).toBe(expected)
    expect(session.endedAtMs).toBe(session.startedAtMs)
    expect(session.anomalies).toContain('invalid_value')
  })

  test.each(unusable)('and those of the legs that are all %j reject the event', (time) => {
    const reasons = rejectionOf(({ payload }) => {
      for (const leg of [payload.details.callA, payload.details.callB]) {
        for (const name of legTimes) leg[name] = time
      }
      Object.assign(payload, { startTime: time, endTime: time })
    })
    const code = [undefined, null, 'null'].includes(time as string) ? 'missing_field' : 'invalid_field'
    expect(reasons).toEqual([`${code} payload.startTime`, `${code} payload.endTime`])
  })

  test('reject the event without legs when neither can be read', () => {
    const change = { startTime: '1970-01-01T00:00:00Z', endTime: null, details: null }
    expect(rejectionOf(({ payload }) => Object.assign(payload, change))).toEqual([
      'invalid_field payload.startTime',
      'missing_field payload.endTime',
    ])
  })
})
