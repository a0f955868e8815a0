import type { BatchEnd, PackedBatch } from '@vss-pipeline/queue'
import type { LedgerEntry } from '@vss-pipeline/vss'
import { decode } from './decode.ts'
import { enrich } from './enrich.ts'
import { validate } from './validate.ts'

/**
 * Makes the pipeline, which reads as its diagram: a batch becomes rows. It resolves when each delivery of the batch is
 * in the ledger. A step passes on the deliveries that an earlier step rejected.
 *
 * Bad data is a value that the steps return: it ends as a `rejected` row. A fault is thrown: the whole batch comes back
 * later. A batch whose worker died comes to `createSuspectProcessor` of services/worker/src/suspects.ts instead, which
 * takes the same steps for one delivery at a time.
 *
 * @param deps.write the last step, of {@link createWrite}
 */
export function createPipeline(deps: { write: (entries: LedgerEntry[]) => Promise<void> }) {
  return async function processBatch(batch: PackedBatch): Promise<BatchEnd> {
    const deliveries = decode(batch)
    const validated = deliveries.map(validate)
    const entries = validated.map(enrich)
    await deps.write(entries)
    return endOf(entries)
  }
}

/**
 * Tells how a batch ended. Its job is set aside when a delivery has no body: the job is then the only place where the
 * body may still be found.
 */
export function endOf(entries: { body: Uint8Array | null }[]): BatchEnd {
  return entries.some(({ body }) => body === null) ? 'set_aside' : 'done'
}
