import { AsyncLocalStorage } from 'node:async_hooks'
import { type Attributes, ROOT_CONTEXT, type Span, SpanKind, type Tracer, trace } from '@opentelemetry/api'
import { type BatchOperation, operations, type StatementOperation } from '../operations.ts'
import { processAttributes, sendAttributes, statementAttributes } from './attributes.ts'
import type { Sample } from './sampling.ts'
import { linksTo } from './span-context.ts'
import { type Ended, endSpan } from './spans.ts'
import type { Subscriptions } from './subscriptions.ts'

/**
 * Records each step of a batch as a span with links to the POSTs of its deliveries. It is never their child, because a
 * batch has many. Statements are children of their transaction.
 */
export function recordBatches(deps: { tracer: Tracer; sample: Sample; subscriptions: Subscriptions }): void {
  const { tracer, sample, subscriptions } = deps
  const { send, spool, process, flush, statement } = operations
  /** The span of the transaction that a statement runs in. */
  const transactions = new AsyncLocalStorage<unknown>()

  function startSpan(
    name: string,
    { startedMs, deliveries }: BatchOperation,
    options: { kind: SpanKind; attributes?: Attributes },
  ): Span | undefined {
    const links = linksTo(deliveries)
    if (!sample(links.map(({ context }) => context))) return undefined
    return tracer.startSpan(name, { ...options, links, startTime: startedMs }, ROOT_CONTEXT)
  }

  function currentTransaction(): Span | undefined {
    return transactions.getStore() as Span | undefined
  }

  function recordStatement(operation: Ended<StatementOperation>): void {
    const transaction = currentTransaction()
    if (transaction === undefined) return
    const attributes = statementAttributes(operation)
    const span = tracer.startSpan(
      attributes['db.query.summary'],
      { kind: SpanKind.CLIENT, attributes, startTime: operation.startedMs },
      trace.setSpan(ROOT_CONTEXT, transaction),
    )
    endSpan(span, operation)
  }

  subscriptions.listen(spool.asyncEnd, (operation) => {
    endSpan(startSpan('spool', operation, { kind: SpanKind.INTERNAL }), operation)
  })
  subscriptions.listen(send.asyncEnd, (operation) => {
    const options = { kind: SpanKind.CLIENT, attributes: sendAttributes(operation) }
    endSpan(startSpan(`send ${operation.queue}`, operation, options), operation)
  })
  // The deliveries of a batch are known when it has been unpacked.
  subscriptions.listen(process.asyncEnd, (operation) => {
    const { startedMs, queue, deliveries = [] } = operation
    const options = { kind: SpanKind.CONSUMER, attributes: processAttributes(operation) }
    endSpan(startSpan(`process ${queue}`, { startedMs, deliveries }, options), operation)
  })
  subscriptions.bind(flush.start, transactions, (operation) =>
    startSpan('flush', operation, { kind: SpanKind.INTERNAL }),
  )
  subscriptions.listen(flush.asyncEnd, (operation) => endSpan(currentTransaction(), operation))
  subscriptions.listen(statement.asyncEnd, recordStatement)
}
