import { decompressed, mostDecompressedBytes } from './compression.ts'
import { readErrorDetails, readLegs } from './legs.ts'
import { createShape, isJsonObject, type JsonObject, type Members, readMembers } from './members.ts'
import type { AnomalyDetail, NormalizedSession } from './model.ts'
import { FoundAnomalies, Place } from './places.ts'
import { actions, sessionStatuses } from './reference.ts'
import { SessionSummary, summaryValidator } from './schema.ts'
import { timesOfLegs } from './session-times.ts'
import {
  isNothing,
  knownWord,
  optional,
  toCount,
  toInteger,
  toReference,
  toTimestamp,
  toUuid,
} from './values.ts'
import type { Reason } from './verdict.ts'

/** The result of validation: a session to enrich and store, or the reasons why the body cannot be a row. */
export type Validation =
  | { readonly ok: true; readonly session: NormalizedSession }
  | {
      readonly ok: false
      /** At least one, at most 20. */
      readonly reasons: Reason[]
      /** UUID, lower case; null when the body does not tell. */
      readonly sessionId: string | null
      /** Its unknown fields and unreadable values, where the event is of the kind that is read. */
      readonly anomalyDetails?: readonly AnomalyDetail[]
    }

const mostReasons = 20

const rootShape = createShape('namespace', 'eventType', 'description', 'payload', 'version')

const payloadShape = createShape(
  'sessionId',
  'subAccountId',
  'sessionStatus',
  'startTime',
  'endTime',
  'lastAction',
  'callCount',
  'clientRequestId',
  'errorDetails',
  'details',
)

const subAccountIdForm = /^[A-Za-z0-9._&-]{3,50}$/

// JSON is in UTF-8 (RFC 8259, section 8.1), so other bytes are an error. The decoder drops a byte order mark.
const utf8 = new TextDecoder('utf-8', { fatal: true })

function rejected(
  reasons: Reason[],
  sessionId: string | null = null,
  anomalyDetails: readonly AnomalyDetail[] = [],
): Validation {
  const rejection = { ok: false, reasons: reasons.slice(0, mostReasons), sessionId } as const
  return anomalyDetails.length === 0 ? rejection : { ...rejection, anomalyDetails }
}

/** Prepares a required member for the schema: an absent value becomes undefined, a text is trimmed. */
function required(value: unknown): unknown {
  if (isNothing(value)) return undefined
  return typeof value === 'string' ? value.trim() : value
}

/** Reads the ways in which the platform sends a session without legs as an object without members. */
function detailsOf(payload: Members<'details'> | null): unknown {
  const details = payload?.details
  return isNothing(details) || (Array.isArray(details) && details.length === 0) ? {} : details
}

/** Reads a time of the session. A missing one adds `invalid_value` too, because another time will stand in its place. */
function readSessionTime(value: unknown, place: Place, name: string): number | null {
  const epochMs = toTimestamp(value)
  if (epochMs === null) place.add('invalid_value', name)
  return epochMs
}

function requiredUpperCase(value: unknown): unknown {
  return typeof value === 'string' ? value.trim().toUpperCase() : value
}

/** Builds the object that the schema judges. All of its keys are ours, none the sender's. */
function summaryOf(
  root: Members<'namespace' | 'eventType' | 'payload'>,
  payload: Members<string> | null,
  details: unknown,
) {
  return {
    namespace: requiredUpperCase(root.namespace),
    eventType: requiredUpperCase(root.eventType),
    payload:
      payload === null
        ? required(root.payload)
        : {
            sessionId: required(payload.sessionId),
            subAccountId: required(payload.subAccountId),
            sessionStatus: required(payload.sessionStatus),
            details,
          },
  }
}

/** A schema as the reasons use it: TypeBox does not type that each member has a description. */
interface DescribedSchema {
  readonly description: string
  readonly properties?: { readonly [name: string]: DescribedSchema }
}

/** Turns the schema's errors into reasons. Their paths hold only our keys, because `summaryOf` made the object. */
function reasonsOf(summary: unknown): Reason[] {
  const pointers = new Set(summaryValidator.Errors(summary).map((error) => error.instancePath))
  return Array.from(pointers, (pointer) => {
    const names = pointer.split('/').slice(1)
    let schema = SessionSummary as unknown as DescribedSchema
    let value = summary
    for (const name of names) {
      schema = schema.properties?.[name] ?? schema
      value = isJsonObject(value) ? value[name] : undefined
    }
    const isPayload = names[0] === 'payload'
    const code = !isPayload ? 'unsupported_event' : value === undefined ? 'missing_field' : 'invalid_field'
    return { code, path: names.join('.'), message: `expected ${schema.description}` }
  })
}

/** The reasons of a session without any time: nothing tells when it was, neither the session nor a leg. */
function reasonsWithoutTime(payload: Members<'startTime' | 'endTime'>): Reason[] {
  return (['startTime', 'endTime'] as const).map((name) => ({
    code: isNothing(payload[name]) ? 'missing_field' : 'invalid_field',
    path: `payload.${name}`,
    message: 'expected an ISO 8601 date and time in the years 2000 to 9999, here or on a leg',
  }))
}

function validateObject(event: JsonObject): Validation {
  const found = new FoundAnomalies()
  const rootPlace = new Place(found, '')
  const place = new Place(found, 'payload')
  const reasons: Reason[] = []
  const root = readMembers(event, rootShape, rootPlace)
  const payload = isJsonObject(root.payload) ? readMembers(root.payload, payloadShape, place) : null
  const details = detailsOf(payload)
  const summary = summaryOf(root, payload, details)
  const startedAtMs = readSessionTime(payload?.startTime, place, 'startTime')
  const endedAtMs = readSessionTime(payload?.endTime, place, 'endTime')
  const legs = isJsonObject(details) ? readLegs(details, reasons, place.at('details')) : []
  if (payload !== null && startedAtMs === null && endedAtMs === null && timesOfLegs(legs).length === 0) {
    reasons.unshift(...reasonsWithoutTime(payload))
  }

  if (payload === null || reasons.length > 0 || !summaryValidator.Check(summary)) {
    const sessionId = toUuid(payload?.sessionId)
    const all = [...reasonsOf(summary), ...reasons]
    // An event of another kind has other fields, so a reason about its fields would mislead.
    const unsupported = all.filter((reason) => reason.code === 'unsupported_event')
    return unsupported.length > 0 ? rejected(unsupported, sessionId) : rejected(all, sessionId, found.details)
  }

  const { sessionId, subAccountId, sessionStatus } = summary.payload
  if (!subAccountIdForm.test(subAccountId)) place.add('invalid_value', 'subAccountId')
  return {
    ok: true,
    session: {
      // The schema has checked that sessionId and sessionStatus can be read.
      sessionId: sessionId.toLowerCase(),
      subAccountId,
      status: knownWord(sessionStatus, sessionStatuses, 'unknown_status', place, 'sessionStatus')!,
      startedAtMs,
      endedAtMs,
      lastAction: knownWord(payload.lastAction, actions, 'unknown_action', place, 'lastAction'),
      callCount: optional(payload.callCount, toCount, place, 'callCount'),
      clientRequestId: optional(payload.clientRequestId, toReference, place, 'clientRequestId'),
      schemaVersion: optional(root.version, toInteger, rootPlace, 'version'),
      ...readErrorDetails(payload.errorDetails, place),
      legs,
      anomalies: found.codes,
      anomalyDetails: found.details,
    },
  }
}

function malformed(message: string): Validation {
  return rejected([{ code: 'malformed_json', path: '', message }])
}

/**
 * Reads a delivery's body as a Voice Session Summary. It rejects a body only when it cannot be a row; any other mistake
 * in an event becomes an anomaly. It never throws.
 *
 * @param body the request body as received, compressed or not
 */
export function validateEvent(body: Uint8Array): Validation {
  const plain = decompressed(body)
  if (plain === null) {
    const mostMib = mostDecompressedBytes / 2 ** 20
    return malformed(
      `expected a compressed body (gzip, zlib or zstd) that is whole and holds at most ${mostMib} MiB`,
    )
  }
  let event: unknown
  try {
    event = JSON.parse(utf8.decode(plain))
  } catch {
    return malformed(
      plain === body ? 'expected JSON in UTF-8' : 'expected JSON in UTF-8 in the compressed body',
    )
  }
  if (!isJsonObject(event)) {
    return rejected([{ code: 'not_an_object', path: '', message: 'expected a JSON object' }])
  }
  return validateObject(event)
}
