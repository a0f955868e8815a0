import { ROOT_CONTEXT, type Span, SpanKind, type Tracer, trace } from '@opentelemetry/api'
import { accepting, operations, type RequestOperation } from '../operations.ts'
import { methodOf, requestAttributes } from './attributes.ts'
import type { Sample } from './sampling.ts'
import { toSpanContext, toTraceparent } from './span-context.ts'
import { type Ended, markFailed } from './spans.ts'
import type { Subscriptions } from './subscriptions.ts'

/**
 * Records POSTs as spans, each in the trace of its sender, if it has one. That is decided when there is a delivery, so
 * that a stranger decides nothing. The delivery of a POST that is recorded gets the context of its span.
 */
export function recordRequests(deps: { tracer: Tracer; sample: Sample; subscriptions: Subscriptions }): void {
  const { tracer, sample, subscriptions } = deps
  const spans = new WeakMap<RequestOperation, Span>()

  function begin(operation: RequestOperation): void {
    const parent = operation.parent === undefined ? undefined : toSpanContext(operation.parent)
    if (!sample(parent === undefined ? [] : [parent])) return
    const span = startSpan(operation, parent && trace.setSpanContext(ROOT_CONTEXT, parent))
    spans.set(operation, span)
    operation.traceparent = toTraceparent(span.spanContext())
  }

  function end(operation: Ended<RequestOperation>): void {
    const span = spans.get(operation) ?? startRefused(operation)
    if (span === undefined) return
    const { status = 500 } = (operation.error ?? operation.result) as { status?: number }
    span.setAttributes(requestAttributes(operation)).setAttribute('http.response.status_code', status)
    // A sender's mistake is no failure of the server's.
    if (status >= 500) markFailed(span, operation.error)
    span.end(performance.now())
  }

  /** Begins the span of a request at its end, where it was refused before there was a delivery. */
  function startRefused(operation: RequestOperation): Span | undefined {
    const isRefused = operation.delivery === undefined
    return isRefused && sample([]) ? startSpan(operation) : undefined
  }

  function startSpan(operation: RequestOperation, context = ROOT_CONTEXT): Span {
    const name = `${methodOf(operation)} ${operation.route}`
    return tracer.startSpan(name, { kind: SpanKind.SERVER, startTime: operation.startedMs }, context)
  }

  subscriptions.listen(accepting, begin)
  subscriptions.listen(operations.request.asyncEnd, end)
}
