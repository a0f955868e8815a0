import { type Dirt, leg, shiftSeconds, stored } from './dirt.ts'

/** Events that contradict themselves or the documentation: stored, with a flag. */
export const contradictions = {
  statusMismatch: {
    expected: stored('status_mismatch'),
    soil({ payload }) {
      payload.sessionStatus = 'NO_ANSWER'
    },
  },
  callCountMismatch: {
    expected: stored('call_count_mismatch'),
    soil({ payload }) {
      payload.callCount = 3
    },
  },
  endsBeforeStart: {
    expected: stored('ends_before_start'),
    soil({ payload }) {
      payload.endTime = shiftSeconds(payload.startTime, -1)
    },
  },
  lastsOverADay: {
    expected: stored('implausible_time'),
    soil({ payload }, random) {
      payload.endTime = shiftSeconds(payload.startTime, random.int(86_401, 10_000_000))
    },
  },
  durationMismatch: {
    expected: stored('duration_mismatch'),
    soil(event, random) {
      leg(event, 'callB').callDuration = random.int(2_000, 90_000)
    },
  },
  connectedBeforeInitiated: {
    expected: stored('connected_before_initiated'),
    soil(event) {
      const callA = leg(event, 'callA')
      callA.initiatedTimestamp = shiftSeconds(callA.connectedTimestamp, 1)
    },
  },
  impossibleQuality: {
    expected: stored('quality_out_of_range'),
    soil(event) {
      leg(event, 'callB').callQuality = { mos: 9.9, packetLossRate: 13, jitter: -3 }
    },
  },
  numberNotE164: {
    expected: stored('number_not_e164'),
    soil(event, random) {
      leg(event, 'callA').source = random.pick(['anonymous', '0065 6833 2048'])
    },
  },
  numberThatSpellsAWord: {
    expected: stored('number_not_valid'),
    soil(event, random) {
      leg(event, 'callA').source = random.pick(['+266696687', '+7378742833', '+10000000000'])
    },
  },
  numberOfAnotherCountry: {
    expected: stored('number_country_mismatch'),
    soil(event) {
      leg(event, 'callB').destinationCountryCode = 'BR'
    },
  },
} satisfies Record<string, Dirt>
