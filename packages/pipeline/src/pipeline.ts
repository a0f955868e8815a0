import type { BatchEnd, PackedBatch } from '@vss-pipeline/queue'
import type { LedgerEntry } from '@vss-pipeline/vss'
import { decode } from './decode.ts'
import { enrich } from './enrich.ts'
import { validate } from './validate.ts'

/**
 * The pipeline as its diagram: a batch becomes rows. Resolves when each of its deliveries is in the ledger. Each
 * step hands on what an earlier one rejected.
 *
 * Bad data is a value the steps return and ends as a `rejected` row; a throw is a fault, and the whole batch
 * comes back later.
 *
 * @param deps.write The last step, of {@link createWrite}.
 */
export function createPipeline({ write }: { write: (entries: LedgerEntry[]) => Promise<void> }) {
  return async function processBatch(batch: PackedBatch): Promise<BatchEnd> {
    const deliveries = decode(batch)
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
