import { createShape, isJsonObject, type JsonObject, readMembers, type Shape } from './members.ts'
import type { NormalizedLeg } from './model.ts'
import { numberFacts } from './numbers.ts'
import type { Place } from './places.ts'
import { callTypes, directions, legStatuses } from './reference.ts'
import {
  isNothing,
  knownWord,
  optional,
  toCount,
  toCountry,
  toInteger,
  toMessage,
  toPhoneNumber,
  toReal,
  toReference,
  toTimestamp,
  toUuid,
  toWord,
} from './values.ts'
import type { Reason } from './verdict.ts'

const legKey = /^call([a-z])$/i

const legShape = createShape(
  'callId',
  'callDirection',
  'callType',
  'initiatedTimestamp',
  'connectedTimestamp',
  'disconnectedTimestamp',
  'source',
  'destination',
  'sourceFormat',
  'destinationFormat',
  'sourceCountryCode',
  'destinationCountryCode',
  'sourceRefId',
  'destinationRefId',
  'callStatus',
  'callDuration',
  'callQuality',
  'errorDetails',
)

const qualityShape = createShape('mos', 'packetLossRate', 'jitter')
const errorShape = createShape('errorMsg', 'errorCode')

/**
 * Reads the members of an optional object. A value that is not an object counts as an empty one, with `invalid_value`.
 */
function optionalMembers<Name extends string>(
  value: unknown,
  shape: Shape<Name>,
  parent: Place,
  name: string,
) {
  const object = optional(value, (given) => (isJsonObject(given) ? given : null), parent, name) ?? {}
  const place = parent.at(name)
  return { members: readMembers(object, shape, place), place }
}

/** Reads `errorDetails`, which the vendor documents on legs and sends on sessions too. */
export function readErrorDetails(value: unknown, parent: Place) {
  const { members, place } = optionalMembers(value, errorShape, parent, 'errorDetails')
  return {
    errorCode: optional(members.errorCode, toInteger, place, 'errorCode'),
    errorMessage: optional(members.errorMsg, toMessage, place, 'errorMsg'),
  }
}

function readQuality(value: unknown, parent: Place) {
  const { members, place } = optionalMembers(value, qualityShape, parent, 'callQuality')
  return {
    mos: optional(members.mos, toReal, place, 'mos'),
    packetLossRate: optional(members.packetLossRate, toReal, place, 'packetLossRate'),
    jitterMs: optional(members.jitter, toReal, place, 'jitter'),
  }
}

/** Reads the country as sent, or takes the number's own when none is sent. An invalid one is null. */
function readCountry(
  value: unknown,
  number: string | null,
  format: string | null,
  place: Place,
  name: string,
): string | null {
  if (!isNothing(value)) return optional(value, toCountry, place, name)
  return number === null ? null : numberFacts(number, format).country
}

function readLeg(leg: string, sent: JsonObject, place: Place): NormalizedLeg {
  const members = readMembers(sent, legShape, place)
  const source = optional(members.source, toPhoneNumber, place, 'source')
  const destination = optional(members.destination, toPhoneNumber, place, 'destination')
  const sourceFormat = optional(members.sourceFormat, toWord, place, 'sourceFormat')
  const destinationFormat = optional(members.destinationFormat, toWord, place, 'destinationFormat')
  return {
    leg,
    callId: optional(members.callId, toUuid, place, 'callId'),
    direction: knownWord(members.callDirection, directions, 'unknown_direction', place, 'callDirection'),
    callType: knownWord(members.callType, callTypes, 'unknown_type', place, 'callType'),
    status: knownWord(members.callStatus, legStatuses, 'unknown_status', place, 'callStatus'),
    initiatedAtMs: optional(members.initiatedTimestamp, toTimestamp, place, 'initiatedTimestamp'),
    connectedAtMs: optional(members.connectedTimestamp, toTimestamp, place, 'connectedTimestamp'),
    disconnectedAtMs: optional(members.disconnectedTimestamp, toTimestamp, place, 'disconnectedTimestamp'),
    durationSeconds: optional(members.callDuration, toCount, place, 'callDuration'),
    source,
    destination,
    sourceFormat,
    destinationFormat,
    sourceCountry: readCountry(members.sourceCountryCode, source, sourceFormat, place, 'sourceCountryCode'),
    destinationCountry: readCountry(
      members.destinationCountryCode,
      destination,
      destinationFormat,
      place,
      'destinationCountryCode',
    ),
    sourceRefId: optional(members.sourceRefId, toReference, place, 'sourceRefId'),
    destinationRefId: optional(members.destinationRefId, toReference, place, 'destinationRefId'),
    ...readQuality(members.callQuality, place),
    ...readErrorDetails(members.errorDetails, place),
  }
}

function unusableLeg(letter: string, message: string): Reason {
  return { code: 'invalid_field', path: `payload.details.call${letter}`, message }
}

/**
 * Reads the legs: the members of `details` whose names are like `callA`, in any case.
 *
 * @param reasons gets a reason for each leg that cannot be a row
 * @returns the legs in the order of their letters
 */
export function readLegs(details: JsonObject, reasons: Reason[], place: Place): NormalizedLeg[] {
  const legs = new Map<string, NormalizedLeg>()
  for (const key of Object.keys(details)) {
    const letter = legKey.exec(key)?.[1]?.toUpperCase()
    const sent = details[key]
    if (letter === undefined) {
      place.add('unknown_field', key)
      continue
    }
    if (isNothing(sent)) continue
    if (!isJsonObject(sent)) reasons.push(unusableLeg(letter, 'expected an object'))
    else if (legs.has(letter))
      reasons.push(unusableLeg(letter, 'expected a name that no other leg has in another case'))
    else legs.set(letter, readLeg(letter, sent, place.at(`call${letter}`)))
  }
  return [...legs.values()].sort((one, other) => (one.leg < other.leg ? -1 : 1))
}
