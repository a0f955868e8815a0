import { type Channel, channel, type TracingChannel, tracingChannel } from 'node:diagnostics_channel'
import type { IncomingMessage } from 'node:http'

/** A delivery, as far as an operation tells of it. */
export interface CarriedDelivery {
  readonly deliveryId: string
  readonly sourceIp?: string | null
  readonly body: Uint8Array | null
  /** `traceparent` is the context of the POST that brought it, where that was traced. */
  readonly context?: { readonly traceparent?: string }
}

/** A POST to the webhook, from its headers to its answer. */
export interface RequestOperation {
  /** By the clock of `performance.now()`. */
  readonly startedMs: number
  /** Its URL and headers are the sender's: they may hold anything. */
  readonly request: IncomingMessage
  readonly route: string
  /** The delivery, once it is stamped. Without one the request was refused. */
  delivery?: CarriedDelivery
  /** The sender's `traceparent`, valid by its form, where there is a delivery. */
  parent?: string
  /** Set by a subscriber of `vss:accept`: the context that travels with the delivery, as a `traceparent`. */
  traceparent?: string
}

/** The deliveries that share an operation. */
export interface BatchOperation {
  /** By the clock of `performance.now()`. */
  readonly startedMs: number
  readonly deliveries: readonly CarriedDelivery[]
}

/** A batch on its way into the queue. It is resent under the same id. */
export interface SendOperation extends BatchOperation {
  readonly batchId: string
  /** The last one that it was given to: it goes on where one does not take it. */
  queue: string
}

/** A batch in a worker's hand, until its deliveries are in the ledger. */
export interface ProcessOperation {
  /** By the clock of `performance.now()`. */
  readonly startedMs: number
  readonly batchId: string
  readonly queue: string
  readonly deliveryIds: readonly string[]
  /** Absent until the batch is unpacked, and where it cannot be. */
  deliveries?: readonly CarriedDelivery[]
}

/** A statement of a transaction, without its values. */
export interface StatementOperation {
  /** By the clock of `performance.now()`. */
  readonly startedMs: number
  readonly text: string
}

/**
 * The operations that the programs publish on `node:diagnostics_channel`, for traces and for anyone who subscribes in
 * the same process: `tracing:vss:send:start` and so on. A message is the same object from the start of its operation to
 * the end, and has then `result` or `error` as well.
 */
export const operations = {
  /** Its `start`, `error` and `asyncEnd` alone are published: every POST pays for them. */
  request: tracingChannel<unknown, RequestOperation>('vss:request'),
  send: tracingChannel<unknown, SendOperation>('vss:send'),
  /** Deliveries on their way to the disk of ingest, while the queue is away. */
  spool: tracingChannel<unknown, BatchOperation>('vss:spool'),
  process: tracingChannel<unknown, ProcessOperation>('vss:process'),
  /** A try to write deliveries in one transaction. */
  flush: tracingChannel<unknown, BatchOperation>('vss:flush'),
  statement: tracingChannel<unknown, StatementOperation>('vss:statement'),
} as const

/**
 * Publishes a request whose sender is authentic, once its delivery is stamped and before that is kept, where the request
 * itself has a subscriber.
 */
export const accepting = channel('vss:accept') as Channel<unknown, RequestOperation>

/**
 * Runs `work` as an operation that is published. Without subscribers it runs `work` alone, and no message is made.
 *
 * @param describe makes the message; `work` gets it too, to add facts that it finds.
 */
export function runOperation<Message extends object, Result>(
  operation: TracingChannel<unknown, Message>,
  describe: (startedMs: number) => Message,
  work: (message?: Message) => Promise<Result>,
): Promise<Result> {
  if (!operation.hasSubscribers) return work()
  const message = describe(performance.now())
  return operation.tracePromise(() => work(message), message)
}
