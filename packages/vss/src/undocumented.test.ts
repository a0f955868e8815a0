import { expect, test } from 'vitest'
import {
  bodyOf,
  completedExample,
  completedWith,
  type WireEvent,
} from '../../../test/support/vendor-examples.ts'
import { driftOf } from './undocumented.ts'
import { validateEvent } from './validate.ts'

function driftWith(change: (event: WireEvent) => void): string[] {
  return driftOf({ kind: 'session', session: completedWith(change) }).map(
    ({ kind, path, value }) => `${kind} ${path} ${value}`,
  )
}

test('an event as documented has no drift', () => {
  expect(driftWith(() => {})).toEqual([])
})

test('a field that was renamed is an unknown field', () => {
  const drift = driftWith(({ payload }) => {
    Object.assign(payload.details.callA, { callId: undefined, id: 'x' })
  })
  expect(drift).toEqual(['unknown_field payload.details.callA.id '])
})

test('a required field that was renamed is an unknown field of a rejected event', () => {
  const { payload, ...event } = completedExample()
  const { sessionStatus, ...others } = payload
  const validation = validateEvent(bodyOf({ ...event, payload: { ...others, status: sessionStatus } }))
  if (validation.ok) throw new Error('stored')
  expect(driftOf({ kind: 'rejected', ...validation })).toEqual([
    { kind: 'unknown_field', path: 'payload.status', value: '' },
  ])
})

test('an event of another kind has no drift', () => {
  const validation = validateEvent(bodyOf({ ...completedExample(), eventType: 'CALL_ACTION', other: 1 }))
  if (validation.ok) throw new Error('stored')
  expect(driftOf({ kind: 'rejected', ...validation })).toEqual([])
})

test.each<[part: string, change: (event: WireEvent) => void, drift: string]>([
  [
    'session status',
    ({ payload }) => {
      payload.sessionStatus = 'Parked Call'
      payload.details.callB.callStatus = null
    },
    'unknown_status payload.sessionStatus Parked Call',
  ],
  [
    'action',
    ({ payload }) => Object.assign(payload, { lastAction: 'record' }),
    'unknown_action payload.lastAction record',
  ],
  [
    'leg status',
    ({ payload }) => Object.assign(payload.details.callB, { callStatus: 'PARKED' }),
    'unknown_status payload.details.callB.callStatus PARKED',
  ],
  [
    'direction',
    ({ payload }) => Object.assign(payload.details.callB, { callDirection: 'LOCAL' }),
    'unknown_direction payload.details.callB.callDirection LOCAL',
  ],
  [
    'type',
    ({ payload }) => Object.assign(payload.details.callA, { callType: 'WebRTC' }),
    'unknown_type payload.details.callA.callType WebRTC',
  ],
  [
    'phone number in place of a word',
    ({ payload }) => Object.assign(payload.details.callA, { callType: '+65 9117 8965' }),
    'unknown_type payload.details.callA.callType ?',
  ],
  [
    'phone number without +',
    ({ payload }) => Object.assign(payload.details.callA, { callType: '202 555 0123' }),
    'unknown_type payload.details.callA.callType ?',
  ],
  [
    'value that cannot be read',
    ({ payload }) => Object.assign(payload.details.callA, { callDuration: '+6591178965' }),
    'invalid_value payload.details.callA.callDuration ',
  ],
])('a new %s is drift', (_part, change, drift) => {
  expect(driftWith(change)).toContain(drift)
})

test('contradictions of facts are no drift', () => {
  expect(driftWith(({ payload }) => Object.assign(payload, { callCount: 9 }))).toEqual([])
})
