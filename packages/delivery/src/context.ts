/** Facts about a delivery beside its POST. They travel with the delivery; no step decides by them. */
export interface DeliveryContext {
  /** The delivery's origin; absent for a webhook. */
  readonly source?: 'import'
  /** The trace that its POST belongs to, as `traceparent` of https://www.w3.org/TR/trace-context/. */
  readonly traceparent?: string
}

const traceparentForm = /^[\da-f]{2}-[\da-f]{32}-[\da-f]{16}-[\da-f]{2}$/

/**
 * Reads a context that was stored or sent, perhaps by another release. Members that this release does not know, or
 * cannot use, are left out.
 *
 * @returns undefined when nothing is left.
 */
export function readContext(value: unknown): DeliveryContext | undefined {
  if (typeof value !== 'object' || value === null) return undefined
  const { source, traceparent } = value as { [Name in keyof DeliveryContext]?: unknown }
  const context: { -readonly [Name in keyof DeliveryContext]: DeliveryContext[Name] } = {}
  if (source === 'import') context.source = source
  if (typeof traceparent === 'string' && traceparentForm.test(traceparent)) context.traceparent = traceparent
  return Object.keys(context).length === 0 ? undefined : context
}
