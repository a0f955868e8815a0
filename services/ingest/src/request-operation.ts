import type { IncomingMessage } from 'node:http'
import { type Delivery, readTraceparent, webhookPath } from '@vss-pipeline/delivery'
import { accepting, operations, type RequestOperation } from '@vss-pipeline/runtime'

const { request: channels } = operations

/** Publishes that a request begins, see docs/operating.md, "Traces". Without subscribers there is no operation. */
export function beginOperation(request: IncomingMessage): RequestOperation | undefined {
  if (!channels.hasSubscribers) return undefined
  const operation = { startedMs: performance.now(), request, route: webhookPath }
  channels.start.publish(operation)
  return operation
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

/** Publishes the end of a request: the answer, or the error that it failed with. */
export function endOperation(
  operation: RequestOperation,
  end: { result: Response } | { error: unknown },
): void {
  Object.assign(operation, end)
  if ('error' in end) channels.error.publish(operation as RequestOperation & { error: unknown })
  channels.asyncEnd.publish(operation)
}
