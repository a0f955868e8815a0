import { isUuid } from '@vss-pipeline/delivery'
import type { LedgerSelection } from '@vss-pipeline/storage'
import { type SpanName, spanEndingNow, spans } from '../span.ts'

/** The deliveries that somebody wants to reprocess. Times are ISO 8601 in UTC. */
export type Target =
  | { readonly kind: 'delivery'; readonly deliveryId: string }
  | { readonly kind: 'session'; readonly sessionId: string }
  | {
      readonly kind: 'rejected'
      /** The first reason of each; null for all that were rejected in the time. */
      readonly reason: { readonly code: string; readonly path: string } | null
      readonly span: SpanName
      readonly since: string
      readonly until: string
    }

const longestPath = 500

/**
 * Reads a target from the fields of a form, and settles its time: what is received while somebody reads the count is
 * none of it.
 *
 * @returns null for fields that name none
 */
export function readTarget(fields: Readonly<Record<string, string>>, nowMs: number): Target | null {
  const { delivery = '', session = '', span = '', code = '', path = '' } = fields
  if (isUuid(delivery)) return { kind: 'delivery', deliveryId: delivery.toLowerCase() }
  if (isUuid(session)) return { kind: 'session', sessionId: session.toLowerCase() }
  if (!Object.hasOwn(spans, span) || path.length > longestPath || !/^[a-z_]{0,40}$/.test(code)) return null
  const name = span as SpanName
  return {
    kind: 'rejected',
    reason: code === '' ? null : { code, path },
    span: name,
    since: spanEndingNow(name, nowMs).since.toISOString(),
    until: new Date(nowMs).toISOString(),
  }
}

/** The fields by which {@link readTarget} finds a target like that, ending now. */
export function fieldsOf(target: Target): Readonly<Record<string, string>> {
  switch (target.kind) {
    case 'delivery':
      return { delivery: target.deliveryId }
    case 'session':
      return { session: target.sessionId }
    case 'rejected':
      return { span: target.span, ...target.reason }
  }
}

/** Whether both are about the same delivery, session or group. A group's time does not count: it is always until now. */
export function isSameTarget(one: Target, other: Target): boolean {
  return nameOf(one) === nameOf(other)
}

function nameOf(target: Target): string {
  const { span: _span, ...fields } = fieldsOf(target)
  return JSON.stringify([target.kind, fields.delivery, fields.session, fields.code, fields.path])
}

/**
 * The deliveries in the ledger. A delivery that has killed workers is left out, because it may kill the console as well:
 * the command takes it.
 */
export function selectionOf(target: Target, nowMs: number): LedgerSelection {
  const rest = { until: new Date(nowMs), withoutReason: 'kills_worker' }
  switch (target.kind) {
    case 'delivery':
      return { ...rest, deliveryId: target.deliveryId }
    case 'session':
      return { ...rest, sessionId: target.sessionId }
    case 'rejected':
      return {
        ...rest,
        since: new Date(target.since),
        until: new Date(target.until),
        outcomes: ['rejected'],
        ...(target.reason !== null && { firstReason: target.reason }),
      }
  }
}
