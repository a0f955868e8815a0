import { type Span, SpanStatusCode } from '@opentelemetry/api'
import type { Started } from '../operations.ts'
import { errorAttributes } from './attributes.ts'

/** The message of an operation that is over. */
export type Ended<Message> = Message & { result?: unknown; error?: unknown }

/** Ends the span of an operation, if it has one, as failed where the operation has failed. */
export function endSpan(span: Span | undefined, operation: Ended<{ started: Started }>): void {
  if (span === undefined) return
  if (operation.error !== undefined) markFailed(span, operation.error)
  span.end(endOf(operation.started))
}

export function markFailed(span: Span, error: unknown): void {
  span.setAttributes(errorAttributes(error))
  span.setStatus({ code: SpanStatusCode.ERROR })
}

/** The start by the clock that tells the time, and the duration by the one that nobody sets: no span ends before it began. */
export function endOf({ atMs, tickMs }: Started): number {
  return atMs + performance.now() - tickMs
}
