import { randomUUID } from 'node:crypto'
import type { PackedBatch } from '@vss-pipeline/queue'

/** A prefix that no other test uses. */
export function freshPrefix(): string {
  return `{test-${randomUUID()}}`
}

/** The bodies of a batch, as texts. */
export function bodiesOf(batch: PackedBatch): string[] {
  const deliveries = batch.unpack()
  if (deliveries === undefined) throw new Error('the batch is undecodable')
  return deliveries.map(({ body }) => Buffer.from(body).toString())
}
