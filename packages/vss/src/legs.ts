import { createShape, isJsonObject, type JsonObject, readMembers } from './members.ts'
import type { Anomaly, NormalizedLeg } from './model.ts'
import { numberFacts } from './numbers.ts'
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

/** Reads an optional object. A value that is not an object counts as an empty one, with `invalid_value`. */
function optionalObject(value: unknown, anomalies: Set<Anomaly>): JsonObject {
  return optional(value, (given) => (isJsonObject(given) ? given : null), anomalies) ?? {}
}

/** Reads `errorDetails`, which the vendor documents on legs and sends on sessions too. */
export function readErrorDetails(value: unknown, anomalies: Set<Anomaly>) {
  const details = readMembers(optionalObject(value, anomalies), errorShape, anomalies)
  return {
    errorCode: optional(details.errorCode, toInteger, anomalies),
    errorMessage: optional(details.errorMsg, toMessage, anomalies),
  }
}

function readQuality(value: unknown, anomalies: Set<Anomaly>) {
  const quality = readMembers(optionalObject(value, anomalies), qualityShape, anomalies)
  return {
    mos: optional(quality.mos, toReal, anomalies),
    packetLossRate: optional(quality.packetLossRate, toReal, anomalies),
    jitterMs: optional(quality.jitter, toReal, anomalies),
  }
}

/** Reads the country as sent, or takes the number's own when none is sent. An invalid one is null. */
function readCountry(
  value: unknown,
  number: string | null,
  format: string | null,
  anomalies: Set<Anomaly>,
): string | null {
  if (!isNothing(value)) return optional(value, toCountry, anomalies)
  return number === null ? null : numberFacts(number, format).country
}

function readLeg(leg: string, sent: JsonObject, anomalies: Set<Anomaly>): NormalizedLeg {
  const members = readMembers(sent, legShape, anomalies)
  const source = optional(members.source, toPhoneNumber, anomalies)
  const destination = optional(members.destination, toPhoneNumber, anomalies)
  const sourceFormat = optional(members.sourceFormat, toWord, anomalies)
  const destinationFormat = optional(members.destinationFormat, toWord, anomalies)
  return {
    leg,
    callId: optional(members.callId, toUuid, anomalies),
    direction: knownWord(members.callDirection, directions, 'unknown_direction', anomalies),
    callType: knownWord(members.callType, callTypes, 'unknown_type', anomalies),
    status: knownWord(members.callStatus, legStatuses, 'unknown_status', anomalies),
    initiatedAtMs: optional(members.initiatedTimestamp, toTimestamp, anomalies),
    connectedAtMs: optional(members.connectedTimestamp, toTimestamp, anomalies),
    disconnectedAtMs: optional(members.disconnectedTimestamp, toTimestamp, anomalies),
    durationSeconds: optional(members.callDuration, toCount, anomalies),
    source,
    destination,
    sourceFormat,
    destinationFormat,
    sourceCountry: readCountry(members.sourceCountryCode, source, sourceFormat, anomalies),
    destinationCountry: readCountry(
      members.destinationCountryCode,
      destination,
      destinationFormat,
      anomalies,
    ),
    sourceRefId: optional(members.sourceRefId, toReference, anomalies),
    destinationRefId: optional(members.destinationRefId, toReference, anomalies),
    ...readQuality(members.callQuality, anomalies),
    ...readErrorDetails(members.errorDetails, anomalies),
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
export function readLegs(details: JsonObject, reasons: Reason[], anomalies: Set<Anomaly>): NormalizedLeg[] {
  const legs = new Map<string, NormalizedLeg>()
  for (const key of Object.keys(details)) {
    const letter = legKey.exec(key)?.[1]?.toUpperCase()
    const sent = details[key]
    if (letter === undefined) {
      anomalies.add('unknown_field')
      continue
    }
    if (isNothing(sent)) continue
    if (!isJsonObject(sent)) reasons.push(unusableLeg(letter, 'expected an object'))
    else if (legs.has(letter))
      reasons.push(unusableLeg(letter, 'expected a name that no other leg has in another case'))
    else legs.set(letter, readLeg(letter, sent, anomalies))
  }
  return [...legs.values()].sort((one, other) => (one.leg < other.leg ? -1 : 1))
}
