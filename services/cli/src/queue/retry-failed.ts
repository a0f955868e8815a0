import { type FailedBatch, readFailedBatches, retryBatch } from '@vss-pipeline/queue'
import { displayCount, displayCountOf } from '@vss-pipeline/runtime'
import { confirm } from '../confirm.ts'
import { withDatabase } from '../database.ts'
import type { ChangeOptions } from '../queue.ts'
import { readDatabaseSetting } from '../settings.ts'
import { displayJson } from '../text.ts'
import { openKnownQueues } from './address.ts'

type ReadableBatch = Extract<FailedBatch, { kind: 'readable' }>

/** @throws CommandFailure, ConfigError */
export async function runRetryFailed(options: ChangeOptions, env: NodeJS.ProcessEnv): Promise<void> {
  const { dryRun = false, json, yes } = options
  const database = readDatabaseSetting(options, env)
  const onQueues = await openKnownQueues(options, env)
  const failed = await onQueues(readFailedBatches)
  const readable = failed.filter((batch): batch is ReadableBatch => batch.kind === 'readable')
  if (readable.length > 0 && !dryRun) {
    await confirm({
      consequence: `${counted(readable)} will be given back to the workers, and the ledger forgets that they were rejected`,
      question: 'Retry them?',
      yes,
    })
    const { reopenUndecodable } = await import('@vss-pipeline/storage')
    for (const batch of readable) {
      // A batch whose retry then fails is still there, and its deliveries are in the ledger after the next retry.
      await withDatabase(database, (pool) => reopenUndecodable(pool, batch.deliveryIds))
      await onQueues((address) => retryBatch(address, batch))
    }
  }
  const left = { unreadable: count(failed, 'unreadable'), foreign: count(failed, 'foreign') }
  if (json) {
    const deliveries = readable.reduce((sum, batch) => sum + batch.deliveryIds.length, 0)
    console.log(displayJson({ retried: !dryRun, batches: readable.length, deliveries, ...left }))
  } else {
    console.log(explain(readable, left, dryRun))
  }
  if (left.unreadable + left.foreign > 0) process.exitCode = 1
}

function count(failed: readonly FailedBatch[], kind: FailedBatch['kind']): number {
  return failed.filter((batch) => batch.kind === kind).length
}

function explain(
  readable: readonly ReadableBatch[],
  left: { unreadable: number; foreign: number },
  dryRun: boolean,
): string {
  const lines = [
    ...(readable.length > 0 ? [`${dryRun ? 'would retry' : 'retried'} ${counted(readable)}`] : []),
    ...(left.unreadable > 0 ? [`left ${displayCount(left.unreadable)} that this release cannot read`] : []),
    ...(left.foreign > 0 ? [`left ${displayCount(left.foreign)} of another program`] : []),
  ]
  return lines.length === 0 ? 'no batch has failed' : lines.join('\n')
}

function counted(batches: readonly ReadableBatch[]): string {
  const deliveries = batches.reduce((sum, batch) => sum + batch.deliveryIds.length, 0)
  return `${displayCountOf(batches.length, 'batch', 'batches')} with ${displayCountOf(deliveries, 'delivery', 'deliveries')}`
}
