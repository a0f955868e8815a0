import type { Anomaly, ReasonCode } from '@vss-pipeline/vss'
import type { Random } from './random.ts'
import type { ScenarioName } from './scenarios.ts'
import type { LooseEvent, LooseObject } from './sessions.ts'

/** The outcome of an event that is handled after all events before it. */
export type ExpectedOutcome =
  | { readonly outcome: 'stored'; readonly anomalies: readonly Anomaly[] }
  | { readonly outcome: 'duplicate' }
  | { readonly outcome: 'rejected'; readonly reasons: readonly ReasonCode[] }

/** One way in which an event can differ from the documentation. */
export interface Dirt {
  readonly expected: ExpectedOutcome
  /** The scenario that it needs. By default `maskedCompleted`, which has two connected legs with quality. */
  readonly scenario?: ScenarioName
  /** Set when the body no longer tells its session. */
  readonly hidesSession?: true
  /** Changes the event before it is written as JSON. */
  soil?(event: LooseEvent, random: Random): void
  /** Changes the JSON text to something that JSON.stringify cannot write. */
  rewrite?(json: string, random: Random): string | Uint8Array
}

const stored = (...anomalies: Anomaly[]): ExpectedOutcome => ({ outcome: 'stored', anomalies })
const rejected = (...reasons: ReasonCode[]): ExpectedOutcome => ({ outcome: 'rejected', reasons })

const legs = (event: LooseEvent) => Object.values(event.payload.details)
const leg = (event: LooseEvent, name: 'callA' | 'callB') => event.payload.details[name] as LooseObject

/** Renames members without changing their order. */
function respell(object: LooseObject, spell: (key: string) => string): LooseObject {
  return Object.fromEntries(Object.entries(object).map(([key, value]) => [spell(key), value]))
}

const capitalized = (key: string) => key.charAt(0).toUpperCase() + key.slice(1)

/** JSON.stringify writes an own member of this name; a plain assignment would set the prototype. */
function addProtoMember(object: object): void {
  Object.defineProperty(object, '__proto__', { value: { polluted: true }, enumerable: true })
}

const shiftSeconds = (timestamp: unknown, seconds: number) =>
  new Date(Date.parse(String(timestamp)) + seconds * 1000).toISOString()

/** Differences between the documentation and the wire. All such events are stored, few of them with a flag. */
const drift = {
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

/** Events that contradict themselves or the documentation: stored, with a flag. */
const contradictions = {
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
  numberOfAnotherCountry: {
    expected: stored('number_country_mismatch'),
    soil(event) {
      leg(event, 'callB').destinationCountryCode = 'BR'
    },
  },
} satisfies Record<string, Dirt>

/** Values that no column can hold, in optional fields. The events are stored without these values. */
const unusableValues = {
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

/** Attacks on the reader that do not change the session. */
const hostile = {
  protoKeys: {
    expected: stored('unknown_field'),
    soil(event) {
      for (const object of [event, event.payload, event.payload.details, leg(event, 'callA')]) {
        addProtoMember(object)
      }
    },
  },
  deepNesting: {
    expected: stored('unknown_field'),
    soil(event) {
      event.deep = 'NESTED'
    },
    rewrite: (json) => json.replace('"NESTED"', `${'['.repeat(10_000)}${']'.repeat(10_000)}`),
  },
} satisfies Record<string, Dirt>

const requiredMembers = ['sessionId', 'subAccountId', 'sessionStatus', 'startTime', 'endTime', 'details']

/** Bodies that cannot be a row. */
const unusableEvents = {
  malformedJson: {
    expected: rejected('malformed_json'),
    hidesSession: true,
    rewrite: (json, random) => json.replace('":', random.pick(['" ', '"=', "'"])),
  },
  truncated: {
    expected: rejected('malformed_json'),
    hidesSession: true,
    rewrite: (json, random) => json.slice(0, random.int(1, json.length - 1)),
  },
  empty: { expected: rejected('malformed_json'), hidesSession: true, rewrite: () => '' },
  notUtf8: {
    expected: rejected('malformed_json'),
    hidesSession: true,
    rewrite: (json) => Uint8Array.from(json.replace('VOICE', '\xff\xfe'), (char) => char.charCodeAt(0)),
  },
  notAnObject: {
    expected: rejected('not_an_object'),
    hidesSession: true,
    rewrite: (json, random) => random.pick([`[${json}]`, 'null', '42', '"VOICE"']),
  },
  otherNamespace: {
    expected: rejected('unsupported_event'),
    soil(event) {
      event.namespace = 'SMS'
    },
  },
  otherEventType: {
    expected: rejected('unsupported_event'),
    soil(event) {
      event.eventType = 'CALL_STATUS'
    },
  },
  noPayload: {
    expected: rejected('missing_field'),
    hidesSession: true,
    soil(event) {
      event.payload = null as unknown as LooseEvent['payload']
    },
  },
  noSessionId: {
    expected: rejected('missing_field'),
    hidesSession: true,
    soil({ payload }) {
      delete payload.sessionId
    },
  },
  missingFields: {
    expected: rejected('missing_field'),
    soil({ payload }, random) {
      for (const name of [random.pick(requiredMembers.slice(1)), random.pick(requiredMembers.slice(1))]) {
        payload[name] = random.pick([undefined, null, 'null'])
      }
    },
  },
  badSessionId: {
    expected: rejected('invalid_field'),
    hidesSession: true,
    soil({ payload }) {
      payload.sessionId = String(payload.sessionId).slice(1)
    },
  },
  badTimes: {
    expected: rejected('invalid_field'),
    soil({ payload }, random) {
      payload.startTime = random.pick(['2024-02-30T00:00:00Z', 'yesterday', 1711346490, ''])
    },
  },
  nulInRequiredText: {
    expected: rejected('invalid_field'),
    soil({ payload }) {
      payload.subAccountId = 'a\0b'
    },
  },
  loneSurrogateInRequiredText: {
    expected: rejected('invalid_field'),
    soil({ payload }) {
      payload.sessionStatus = '\udfff'
    },
  },
  twinLegs: {
    expected: rejected('invalid_field'),
    soil({ payload }) {
      payload.details.CALLB = { ...payload.details.callB }
    },
  },
  legNotAnObject: {
    expected: rejected('invalid_field'),
    soil({ payload }, random) {
      payload.details.callB = random.pick([[], 'callB', 1]) as unknown as LooseObject
    },
  },
} satisfies Record<string, Dirt>

/** All kinds of dirt, by name. */
export const dirtByKind = {
  ...drift,
  ...contradictions,
  ...unusableValues,
  ...hostile,
  ...unusableEvents,
} satisfies Record<string, Dirt>

export type DirtKind = keyof typeof dirtByKind
