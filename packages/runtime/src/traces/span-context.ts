import { type Link, type SpanContext, TraceFlags } from '@opentelemetry/api'
import type { CarriedDelivery } from '../operations.ts'

/** Reads a `traceparent` whose form has been checked. */
export function toSpanContext(traceparent: string): SpanContext {
  const [, traceId = '', spanId = '', flags = ''] = traceparent.split('-')
  return { traceId, spanId, traceFlags: Number.parseInt(flags, 16), isRemote: true }
}

/** Writes a context as a `traceparent` of https://www.w3.org/TR/trace-context/. */
export function toTraceparent({ traceId, spanId, traceFlags }: SpanContext): string {
  return `00-${traceId}-${spanId}-${traceFlags.toString(16).padStart(2, '0')}`
}

/** Makes a link to each POST that was traced, with the id of its delivery. */
export function linksTo(deliveries: readonly CarriedDelivery[]): Link[] {
  const links: Link[] = []
  for (const { deliveryId, context } of deliveries) {
    if (context?.traceparent === undefined) continue
    links.push({
      context: toSpanContext(context.traceparent),
      attributes: { 'messaging.message.id': deliveryId },
    })
  }
  return links
}

export function isSampled({ traceFlags }: SpanContext): boolean {
  return (traceFlags & TraceFlags.SAMPLED) !== 0
}
