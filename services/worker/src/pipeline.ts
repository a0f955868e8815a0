import type { BatchEnd } from '@vss-pipeline/queue'
import type { LedgerEntry } from '@vss-pipeline/storage'
import type { Delivery } from '@vss-pipeline/vss'
import type { Rejected } from './rejected.ts'
import type { Validated } from './steps/validate.ts'

/** What happens to a delivery, in this order; each step hands on what an earlier one rejected. */
export interface Steps {
  decode: (payload: unknown) => (Delivery | Rejected)[]
  validate: (item: Delivery | Rejected) => Validated | Rejected
  enrich: (item: Validated | Rejected) => LedgerEntry
  write: (entries: LedgerEntry[]) => Promise<void>
}

/**
 * The worker as its diagram: a batch becomes rows. Resolves when each of its deliveries is in the ledger.
 *
 * Bad data is a value the steps return and ends as a `rejected` row; a throw is a fault, and the whole batch
 * comes back later.
 */
export function createPipeline({ decode, validate, enrich, write }: Steps) {
  return async function processBatch(payload: unknown): Promise<BatchEnd> {
    const deliveries = decode(payload)
    const validated = deliveries.map(validate)
    const entries = validated.map(enrich)
    await write(entries)
    return endOf(entries)
  }
}

/** Without a body, the job is all that is left of a delivery. */
export function endOf(entries: { body: Uint8Array | null }[]): BatchEnd {
  return entries.some(({ body }) => body === null) ? 'set_aside' : 'done'
}
