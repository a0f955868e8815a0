import { type Span, SpanStatusCode } from '@opentelemetry/api'
import { errorAttributes } from './attributes.ts'

/** The message of an operation that is over. */
export type Ended<Message> = Message & { result?: unknown; error?: unknown }

/** Ends the span of an operation, if it has one, as failed where the operation has failed. */
export function endSpan(span: Span | undefined, operation: Ended<object>): void {
  if (span === undefined) return
  if (operation.error !== undefined) markFailed(span, operation.error)
  span.end(performance.now())
}

export function markFailed(span: Span, error: unknown): void {
  span.setAttributes(errorAttributes(error))
  span.setStatus({ code: SpanStatusCode.ERROR })
}
