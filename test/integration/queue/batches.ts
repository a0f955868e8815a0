import { randomUUID } from 'node:crypto'
import { decodeBatch } from '@vss-pipeline/queue'
import type { Delivery } from '@vss-pipeline/vss'
import { v7 as uuidv7 } from 'uuid'

/** A prefix that no other test uses. */
export function freshPrefix(): string {
  return `{test-${randomUUID()}}`
}

export function makeDelivery(body = '{}'): Delivery {
  const receivedAtMs = Date.now()
  return {
    deliveryId: uuidv7({ msecs: receivedAtMs }),
    receivedAtMs,
    sourceIp: null,
    body: Buffer.from(body),
  }
}

/** The bodies of a batch, as texts. */
export function bodiesOf(payload: unknown): string[] {
  const decoded = decodeBatch(payload)
  if ('undecodable' in decoded) throw new Error('the batch is undecodable')
  return decoded.map(({ body }) => Buffer.from(body).toString())
}
