import type { Attributes } from '@opentelemetry/api'
import type { ProcessOperation, RequestOperation, SendOperation, StatementOperation } from '../operations.ts'

/**
 * The attributes of spans, as https://opentelemetry.io/docs/specs/semconv/ names them. None holds a text of the
 * sender's but its address: a URL, a header, a body and the message of an error may each hold a phone number.
 */

const usualMethods = new Set(['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'CONNECT', 'OPTIONS', 'TRACE', 'PATCH'])

export function methodOf({ request }: RequestOperation): string {
  return usualMethods.has(request.method ?? '') ? request.method! : '_OTHER'
}

export function requestAttributes(operation: RequestOperation): Attributes {
  const { request, route, delivery } = operation
  const attributes: Attributes = {
    'http.request.method': methodOf(operation),
    'http.route': route,
    'url.path': route,
    'url.scheme': 'http',
    'network.peer.address': request.socket.remoteAddress,
  }
  if (delivery === undefined) return attributes
  attributes['client.address'] = delivery.sourceIp ?? undefined
  attributes['http.request.body.size'] = delivery.body?.length
  attributes['vss.delivery_id'] = delivery.deliveryId
  return attributes
}

export function sendAttributes({ queue, batchId, deliveries }: SendOperation): Attributes {
  return messagingAttributes('send', { queue, batchId, count: deliveries.length })
}

export function processAttributes({ queue, batchId, deliveryIds }: ProcessOperation): Attributes {
  return messagingAttributes('process', { queue, batchId, count: deliveryIds.length })
}

function messagingAttributes(
  operation: 'send' | 'process',
  { queue, batchId, count }: { queue: string; batchId: string; count: number },
): Attributes {
  return {
    'messaging.system': 'bullmq',
    'messaging.operation.name': operation,
    'messaging.operation.type': operation,
    'messaging.destination.name': queue,
    'messaging.batch.message_count': count,
    'vss.batch_id': batchId,
  }
}

/** The verb of a statement and the table that it is about, without its text. */
export function statementAttributes({
  text,
}: StatementOperation): Attributes & { 'db.query.summary': string } {
  const verb = /^\s*([A-Za-z]+)/.exec(text)?.[1]?.toUpperCase() ?? 'QUERY'
  const table = /\b(vss\.\w+)/.exec(text)?.[1]
  return {
    'db.system.name': 'postgresql',
    'db.operation.name': verb,
    ...known('db.collection.name', table),
    'db.query.summary': table === undefined ? verb : `${verb} ${table}`,
  }
}

/** The kind of an error: its code or its class, and nothing of its message. */
export function errorAttributes(error: unknown): Attributes {
  const { code, name } = Object(error) as { code?: unknown; name?: unknown }
  const type = [code, name].find((word) => typeof word === 'string' && /^\w{1,64}$/.test(word))
  return { 'error.type': (type as string | undefined) ?? '_OTHER' }
}

function known(name: string, value: string | number | undefined): Attributes {
  return value === undefined ? {} : { [name]: value }
}
