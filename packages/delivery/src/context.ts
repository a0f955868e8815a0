/** Facts about a delivery beside its POST. They travel with the delivery; no step decides by them. */
export interface DeliveryContext {
  /** The delivery's origin; absent for a webhook. */
  readonly source?: 'import'
  /** The trace that its POST belongs to, as `traceparent` of https://www.w3.org/TR/trace-context/. */
  readonly traceparent?: string
}

/** Version ff is none, and an id of zeros alone is none. */
const traceparentForm = /^(?!ff)[\da-f]{2}-(?!0{32})[\da-f]{32}-(?!0{16})[\da-f]{16}-[\da-f]{2}$/

/** @returns a text that may be a `traceparent` as it is; undefined for anything else, from whoever it comes. */
export function readTraceparent(value: unknown): string | undefined {
  return typeof value === 'string' && traceparentForm.test(value) ? value : undefined
}

/** The member of a log line that names the trace of a delivery; empty where it has none. */
export function traceOf({ context }: { readonly context?: DeliveryContext }): { trace_id?: string } {
  return context?.traceparent === undefined ? {} : { trace_id: context.traceparent.split('-')[1]! }
}

/**
 * Reads a context that was stored or sent, perhaps by another release. Members that this release does not know, or
 * cannot use, are left out.
 *
 * @returns undefined when nothing is left.
 */
export function readContext(value: unknown): DeliveryContext | undefined {
  if (typeof value !== 'object' || value === null) return undefined
  const { source, traceparent: sent } = value as { [Name in keyof DeliveryContext]?: unknown }
  const context: { -readonly [Name in keyof DeliveryContext]: DeliveryContext[Name] } = {}
  if (source === 'import') context.source = source
  const traceparent = readTraceparent(sent)
  if (traceparent !== undefined) context.traceparent = traceparent
  return Object.keys(context).length === 0 ? undefined : context
}
