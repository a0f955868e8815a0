import type { LooseObject } from '../sessions.ts'
import { type Dirt, leg, legs, shiftSeconds, stored } from './dirt.ts'

/** Renames members without changing their order. */
function respell(object: LooseObject, spell: (key: string) => string): LooseObject {
  return Object.fromEntries(Object.entries(object).map(([key, value]) => [spell(key), value]))
}

const capitalized = (key: string) => key.charAt(0).toUpperCase() + key.slice(1)

/** Differences between the documentation and the wire. All such events are stored, few of them with a flag. */
export const drift = {
  statusWithSpace: {
    expected: stored(),
    scenario: 'maskedNoAnswer',
    soil(event) {
      event.payload.sessionStatus = 'NO ANSWER'
      leg(event, 'callB').callStatus = 'NO ANSWER'
    },
  },
  errorCodeAsText: {
    expected: stored(),
    scenario: 'messageError',
    soil({ payload }) {
      const error = payload.errorDetails as LooseObject
      error.errorCode = String(error.errorCode)
    },
  },
  errorOfAnotherCode: {
    expected: stored('error_mismatch'),
    scenario: 'messageError',
    soil({ payload }) {
      payload.errorDetails = { errorMsg: 'No coverage available for requested area', errorCode: -2005 }
    },
  },
  capitalizedKeys: {
    expected: stored(),
    soil(event) {
      const capitalizedLegs = respell(event.payload.details, capitalized) as Record<string, LooseObject>
      for (const key of Object.keys(capitalizedLegs)) {
        capitalizedLegs[key] = respell(capitalizedLegs[key] as LooseObject, capitalized)
      }
      event.payload.details = capitalizedLegs
    },
  },
  textNull: {
    expected: stored(),
    soil(event) {
      event.payload.clientRequestId = 'null'
      for (const each of legs(event)) {
        each.sourceRefId ??= 'null'
        each.destinationRefId ??= null
        each.errorDetails = 'null'
      }
      event.payload.details.callC = null as unknown as LooseObject
    },
  },
  unknownFields: {
    expected: stored('unknown_field'),
    soil(event, random) {
      event[`x${random.hex(6)}`] = random.hex(8)
      event.payload.recordings = [{ url: 'https://example.com/recording.wav' }]
      event.payload.details.summary = { legs: 2 }
      const callA = leg(event, 'callA')
      callA.carrier = { name: 'Example Telecom' }
      callA.callQuality = { mos: 4.2, rFactor: 93.2 }
    },
  },
  unknownValues: {
    expected: stored('unknown_action', 'unknown_direction', 'unknown_status', 'unknown_type'),
    soil(event) {
      event.payload.sessionStatus = 'TRANSFERRED'
      event.payload.lastAction = 'RECORD'
      Object.assign(leg(event, 'callB'), {
        callStatus: 'TRANSFERRED',
        callDirection: 'INTERNAL',
        callType: 'WEBRTC',
      })
    },
  },
  timestampsWithOffset: {
    expected: stored(),
    soil(event) {
      const { payload } = event
      const singapore = (timestamp: unknown) =>
        shiftSeconds(timestamp, 8 * 3600).replace('.000Z', '.000+08:00')
      payload.startTime = singapore(payload.startTime)
      payload.endTime = String(payload.endTime).replace('T', ' ').replace('Z', '')
      for (const each of legs(event)) each.connectedTimestamp = singapore(each.connectedTimestamp)
    },
  },
  timestampsOfOlderForms: {
    expected: stored(),
    soil({ payload }) {
      payload.startTime = shiftSeconds(payload.startTime, 8 * 3600).replace('.000Z', ',000+08')
      payload.endTime = shiftSeconds(payload.endTime, -3 * 3600).replace('.000Z', '-03')
    },
  },
  wordsOfOlderForms: {
    expected: stored(),
    soil({ payload }) {
      payload.sessionStatus = 'Completed'
      payload.lastAction = 'MakeCall'
    },
  },
  numbersWithoutPlus: {
    expected: stored('number_not_e164'),
    soil(event) {
      const digits = (number: unknown) => String(number).slice(1)
      const callA = leg(event, 'callA')
      const callB = leg(event, 'callB')
      Object.assign(callA, { source: digits(callA.source), sourceCountryCode: null, sourceFormat: null })
      Object.assign(callB, { destination: Number(digits(callB.destination)) })
    },
  },
  numberOfKosovo: {
    expected: stored(),
    soil(event, random) {
      const source = `+${random.pick(['38344', '38138', '38649', '37744'])}${random.int(100_000, 999_999)}`
      Object.assign(leg(event, 'callA'), { source, sourceCountryCode: 'XK' })
    },
  },
  sipAddress: {
    expected: stored('number_not_e164'),
    soil(event, random) {
      const source = `sip:${random.hex(64)}@pbx.example.com`
      Object.assign(leg(event, 'callA'), {
        callType: 'VOIP',
        source,
        sourceFormat: 'SIP',
        sourceCountryCode: null,
      })
    },
  },
  huntGroup: {
    expected: stored(),
    soil({ payload }, random) {
      const { callA, callB } = payload.details
      const silent = { callStatus: 'NO_ANSWER', connectedTimestamp: null, callDuration: 0, callQuality: null }
      const legs = [callB, { ...callB, ...silent, callId: null }]
      const [first, second] = random.chance(0.5) ? legs : legs.reverse()
      Object.assign(payload, { details: { callA, callB: first, callC: second }, callCount: 3 })
    },
  },
  noLegs: {
    expected: stored('no_legs'),
    scenario: 'messageError',
    soil({ payload }, random) {
      Object.assign(payload, { details: random.pick([undefined, null, [], {}]), callCount: 0 })
    },
  },
  numbersAsText: {
    expected: stored(),
    soil(event) {
      event.payload.callCount = String(event.payload.callCount)
      for (const each of legs(event)) {
        each.callDuration = String(each.callDuration)
        const quality = each.callQuality as LooseObject
        quality.mos = String(quality.mos)
      }
    },
  },
} satisfies Record<string, Dirt>
