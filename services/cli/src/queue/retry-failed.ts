import { type FailedBatch, readFailedBatches, retryBatch } from '@vss-pipeline/queue'
import { displayCount, displayCountOf } from '@vss-pipeline/runtime'
import { confirm } from '../confirm.ts'
import { withDatabase } from '../database.ts'
import type { ChangeOptions } from '../queue.ts'
import { readDatabaseSetting } from '../settings.ts'
import { displayJson } from '../text.ts'
import { openKnownQueues } from './address.ts'

type ReadableBatch = Extract<FailedBatch, { kind: 'readable' }>

/** The failed batches by what became of them. */
interface Tally {
  /** Given back, or in a dry run those that would be. */
  batches: number
  deliveries: number
  unreadable: number
  foreign: number
}

/** @throws CommandFailure, ConfigError */
export async function runRetryFailed(options: ChangeOptions, env: NodeJS.ProcessEnv): Promise<void> {
  const { dryRun = false, json, yes } = options
  const database = readDatabaseSetting(options, env)
  const onQueues = await openKnownQueues(options, env)
  const tally: Tally = { batches: 0, deliveries: 0, unreadable: 0, foreign: 0 }
  // A batch that fails again at once comes once more, as the last.
  const retried = new Set<string>()
  const passed = new Map<number, number>()

  for (let isFirst = true; ; isFirst = false) {
    const page = await onQueues((address) => readFailedBatches(address, { passed }))
    if (page.length === 0) break
    const readable = page.filter(isReadable).filter(({ batchId }) => !retried.has(batchId))
    if (isFirst && readable.length > 0 && !dryRun) {
      await confirm({
        consequence: `${counted(readable)} will be given back to the workers, and the ledger forgets that they were rejected`,
        details: 'Where there are more than 1,000 a shard, the others follow.',
        question: 'Retry them?',
        yes,
      })
    }
    for (const batch of page) {
      const isOurs = isReadable(batch) && !retried.has(batch.batchId)
      if (isOurs) {
        tally.batches++
        tally.deliveries += batch.deliveryIds.length
        retried.add(batch.batchId)
        if (!dryRun) await giveBack(batch)
      }
      if (batch.kind === 'unreadable' || batch.kind === 'foreign') tally[batch.kind]++
      if (dryRun || !isOurs) passed.set(batch.shard, (passed.get(batch.shard) ?? 0) + 1)
    }
  }

  if (json) console.log(displayJson({ retried: !dryRun, ...tally }))
  else console.log(explain(tally, dryRun))
  if (tally.unreadable + tally.foreign > 0) process.exitCode = 1

  async function giveBack(batch: ReadableBatch): Promise<void> {
    const { reopenUndecodable } = await import('@vss-pipeline/storage')
    // A batch whose retry then fails is still there, and its deliveries are in the ledger after the next retry.
    await withDatabase(database, (pool) => reopenUndecodable(pool, batch.deliveryIds))
    await onQueues((address) => retryBatch(address, batch))
  }
}

function isReadable(batch: FailedBatch): batch is ReadableBatch {
  return batch.kind === 'readable'
}

function explain({ batches, deliveries, unreadable, foreign }: Tally, dryRun: boolean): string {
  const lines = [
    ...(batches > 0 ? [`${dryRun ? 'would retry' : 'retried'} ${counts(batches, deliveries)}`] : []),
    ...(unreadable > 0 ? [`left ${displayCount(unreadable)} that this release cannot read`] : []),
    ...(foreign > 0 ? [`left ${displayCount(foreign)} of another program`] : []),
  ]
  return lines.length === 0 ? 'no batch has failed' : lines.join('\n')
}

function counted(batches: readonly ReadableBatch[]): string {
  return counts(
    batches.length,
    batches.reduce((sum, batch) => sum + batch.deliveryIds.length, 0),
  )
}

function counts(batches: number, deliveries: number): string {
  return `${displayCountOf(batches, 'batch', 'batches')} with ${displayCountOf(deliveries, 'delivery', 'deliveries')}`
}
