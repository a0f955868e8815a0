import type { LooseEvent, LooseObject } from '../sessions.ts'
import { type Dirt, legs, rejected, unreadableTimes } from './dirt.ts'

const requiredMembers = ['subAccountId', 'sessionStatus']

const legTimes = ['initiatedTimestamp', 'connectedTimestamp', 'disconnectedTimestamp']

/** Bodies that cannot be a row. */
export const unusableEvents = {
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
      for (const name of [random.pick(requiredMembers), random.pick(requiredMembers)]) {
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
  noReadableTime: {
    expected: rejected('invalid_field'),
    soil(event, random) {
      const objects: [LooseObject, string[]][] = [
        [event.payload, ['startTime', 'endTime']],
        ...legs(event).map((each): [LooseObject, string[]] => [each, legTimes]),
      ]
      for (const [object, names] of objects) {
        for (const name of names) object[name] = random.pick(unreadableTimes)
      }
    },
  },
  badDetails: {
    expected: rejected('invalid_field'),
    soil({ payload }, random) {
      Object.assign(payload, { details: random.pick(['callA', 2]) })
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
