import { randomUUID } from 'node:crypto'
import { decodeBatch } from '@vss-pipeline/queue'

/** A prefix that no other test uses. */
export function freshPrefix(): string {
  return `{test-${randomUUID()}}`
}

/** The bodies of a batch, as texts. */
export function bodiesOf(payload: unknown): string[] {
  const decoded = decodeBatch(payload)
  if ('undecodable' in decoded) throw new Error('the batch is undecodable')
  return decoded.map(({ body }) => Buffer.from(body).toString())
}
