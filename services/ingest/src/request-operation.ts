import type { IncomingMessage } from 'node:http'
import { type Delivery, readTraceparent, webhookPath } from '@vss-pipeline/delivery'
import { accepting, operations, type RequestOperation, runOperation } from '@vss-pipeline/runtime'

/** Runs `work` as an operation that is published, see docs/operating.md, "Traces". Without subscribers there is none. */
export function asOperation(
  request: IncomingMessage,
  work: (operation?: RequestOperation) => Promise<Response>,
): Promise<Response> {
  return runOperation(operations.request, (startedMs) => ({ startedMs, request, route: webhookPath }), work)
}

/**
 * Tells that a request has a delivery.
 *
 * @returns the delivery, with the context that a subscriber gives it.
 */
export function announce(operation: RequestOperation | undefined, delivery: Delivery): Delivery {
  if (operation === undefined) return delivery
  operation.delivery = delivery
  const parent = readTraceparent(operation.request.headers.traceparent)
  if (parent !== undefined) operation.parent = parent
  accepting.publish(operation)
  const { traceparent } = operation
  return traceparent === undefined ? delivery : { ...delivery, context: { traceparent } }
}
