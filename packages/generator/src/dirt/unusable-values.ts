import { type Dirt, leg, legs, stored, timesOfNothing, unreadableTimes } from './dirt.ts'

/** Values that no column can hold, in optional fields. The events are stored without these values. */
export const unusableValues = {
  badOptionalValues: {
    expected: stored('invalid_value'),
    soil(event) {
      Object.assign(event.payload, { callCount: 'two', lastAction: 7, clientRequestId: ['a'] })
      Object.assign(leg(event, 'callA'), {
        callId: 'not-a-uuid',
        disconnectedTimestamp: '2024-02-30T00:00:00Z',
        callQuality: 'fine',
        sourceCountryCode: 'Singapore',
      })
    },
  },
  timesNeverSet: {
    expected: stored('invalid_value'),
    scenario: 'maskedNoAnswer',
    soil(event, random) {
      for (const each of legs(event)) each.connectedTimestamp = random.pick(timesOfNothing)
    },
  },
  badSessionTimes: {
    expected: stored('invalid_value'),
    soil({ payload }, random) {
      const names = random.pick([['startTime'], ['endTime'], ['startTime', 'endTime']])
      for (const name of names) payload[name] = random.pick([...unreadableTimes, undefined, null, 'null'])
    },
  },
  nulInOptionalText: {
    expected: stored('invalid_value'),
    soil({ payload }) {
      payload.clientRequestId = 'a\0b'
    },
  },
  loneSurrogateInOptionalText: {
    expected: stored('invalid_value'),
    soil({ payload }) {
      payload.clientRequestId = 'a\ud800b'
    },
  },
  longText: {
    expected: stored('invalid_value'),
    soil(event) {
      leg(event, 'callA').sourceRefId = 'x'.repeat(10_000)
    },
  },
  hugeIntegers: {
    expected: stored('invalid_value'),
    soil(event) {
      event.version = 2 ** 31
      event.payload.callCount = 1e20
      leg(event, 'callB').callDuration = Number.MAX_SAFE_INTEGER
    },
  },
  infiniteNumber: {
    expected: stored('invalid_value'),
    soil(event) {
      leg(event, 'callA').callQuality = { mos: 'INFINITE', jitter: 'TINY' }
    },
    rewrite: (json) => json.replace('"INFINITE"', '1e400').replace('"TINY"', '1e-300'),
  },
} satisfies Record<string, Dirt>
