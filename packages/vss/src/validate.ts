import { readErrorDetails, readLegs } from './legs.ts'
import { createShape, isJsonObject, type JsonObject, type Members, readMembers } from './members.ts'
import type { Anomaly, NormalizedSession } from './model.ts'
import { actions, sessionStatuses } from './reference.ts'
import { SessionSummary, summaryValidator } from './schema.ts'
import { readTimestamp } from './time.ts'
import { isNothing, knownWord, optional, toCount, toInteger, toReference, toUuid } from './values.ts'
import type { Reason } from './verdict.ts'

/** What validation says about a body: a session to enrich and store, or why it cannot be a row. */
export type Validation =
  | { readonly ok: true; readonly session: NormalizedSession }
  | {
      readonly ok: false
      /** At least one, at most 20. */
      readonly reasons: Reason[]
      /** UUID, lower case; null when the body does not tell. */
      readonly sessionId: string | null
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

// Not UTF-8 is not JSON (RFC 8259, section 8.1). A byte order mark is dropped by default.
const utf8 = new TextDecoder('utf-8', { fatal: true })

function rejected(reasons: Reason[], sessionId: string | null = null): Validation {
  return { ok: false, reasons: reasons.slice(0, mostReasons), sessionId }
}

/** A required member, ready for the schema: nothing is undefined, texts are trimmed, the rest is as sent. */
function required(value: unknown): unknown {
  if (isNothing(value)) return undefined
  return typeof value === 'string' ? value.trim() : value
}

function requiredUpperCase(value: unknown): unknown {
  return typeof value === 'string' ? value.trim().toUpperCase() : value
}

/** The parts of an event that the schema judges, built under our own keys from what was sent. */
function summaryOf(root: Members<'namespace' | 'eventType' | 'payload'>, payload: Members<string> | null) {
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
            startTime: required(payload.startTime),
            endTime: required(payload.endTime),
            details: required(payload.details),
          },
  }
}

/** What the reasons need to know of a schema: TypeBox types the members, but not that each has a description. */
interface DescribedSchema {
  readonly description: string
  readonly properties?: { readonly [name: string]: DescribedSchema }
}

/** Translates what the schema found wrong. Its paths hold our own keys only, since `summaryOf` made the object. */
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

function validateObject(event: JsonObject): Validation {
  const anomalies = new Set<Anomaly>()
  const reasons: Reason[] = []
  const root = readMembers(event, rootShape, anomalies)
  const payload = isJsonObject(root.payload) ? readMembers(root.payload, payloadShape, anomalies) : null
  const summary = summaryOf(root, payload)
  const legs = isJsonObject(payload?.details) ? readLegs(payload.details, reasons, anomalies) : []

  if (payload === null || reasons.length > 0 || !summaryValidator.Check(summary)) {
    const sessionId = toUuid(payload?.sessionId)
    const all = [...reasonsOf(summary), ...reasons]
    // The fields of another event are not ours to judge.
    const unsupported = all.filter((reason) => reason.code === 'unsupported_event')
    return rejected(unsupported.length > 0 ? unsupported : all, sessionId)
  }

  const { sessionId, subAccountId, sessionStatus, startTime, endTime } = summary.payload
  if (!subAccountIdForm.test(subAccountId)) anomalies.add('invalid_value')
  return {
    ok: true,
    session: {
      // The schema has found these readable, so they are.
      sessionId: sessionId.toLowerCase(),
      subAccountId,
      status: knownWord(sessionStatus, sessionStatuses, 'unknown_status', anomalies)!,
      startedAtMs: readTimestamp(startTime)!,
      endedAtMs: readTimestamp(endTime)!,
      lastAction: knownWord(payload.lastAction, actions, 'unknown_action', anomalies),
      callCount: optional(payload.callCount, toCount, anomalies),
      clientRequestId: optional(payload.clientRequestId, toReference, anomalies),
      schemaVersion: optional(root.version, toInteger, anomalies),
      ...readErrorDetails(payload.errorDetails, anomalies),
      legs,
      anomalies,
    },
  }
}

/**
 * Reads a delivery's body as a Voice Session Summary. Rejects only what cannot be a row; everything else that is
 * wrong with an event becomes an anomaly. Never throws, whatever the bytes.
 *
 * @param body the request body as received
 */
export function validateEvent(body: Uint8Array): Validation {
  let event: unknown
  try {
    event = JSON.parse(utf8.decode(body))
  } catch {
    return rejected([{ code: 'malformed_json', path: '', message: 'expected JSON in UTF-8' }])
  }
  if (!isJsonObject(event)) {
    return rejected([{ code: 'not_an_object', path: '', message: 'expected a JSON object' }])
  }
  return validateObject(event)
}
