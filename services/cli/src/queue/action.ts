import {
  listQueues,
  pauseQueues,
  resumeQueues,
  type ShardListing,
  type TroubledBatch,
} from '@vss-pipeline/queue'
import { displayCount, displayCountOf, displaySpan } from '@vss-pipeline/runtime'
import { confirm } from '../confirm.ts'
import type { ChangeOptions, QueueOptions } from '../queue.ts'
import { displayJson, displayValue, indent, renderParagraph, renderTable, title } from '../text.ts'
import { openKnownQueues } from './address.ts'

/**
 * As JSON: `isPaused`, and `shards`, each with `shard`, `isAway`, `isPaused`, `jobs`, `deliveries`,
 * `oldestWaitingSeconds` and `troubled`. The facts about one that does not answer are missing.
 *
 * @throws CommandFailure, ConfigError
 */
export async function runList(options: QueueOptions, env: NodeJS.ProcessEnv): Promise<void> {
  const onQueues = await openKnownQueues(options, env)
  const shards = await onQueues(listQueues)
  if (options.json) console.log(displayJson({ isPaused: isPaused(shards), shards: shards.map(toJson) }))
  else console.log(renderShards(shards))
}

/** @throws CommandFailure, ConfigError */
export async function runPause(options: ChangeOptions, env: NodeJS.ProcessEnv): Promise<void> {
  await change(options, env, {
    pauses: true,
    consequence:
      'workers will take no more batches: deliveries are acknowledged, and wait in Redis until vss queue resume',
    question: 'Pause the queue?',
    apply: pauseQueues,
  })
}

/** @throws CommandFailure, ConfigError */
export async function runResume(options: ChangeOptions, env: NodeJS.ProcessEnv): Promise<void> {
  await change(options, env, {
    pauses: false,
    consequence: 'workers will take batches again',
    question: 'Resume the queue?',
    apply: resumeQueues,
  })
}

async function change(
  options: ChangeOptions,
  env: NodeJS.ProcessEnv,
  plan: {
    /** The state that the queue is to have. */
    pauses: boolean
    consequence: string
    question: string
    apply: typeof pauseQueues
  },
): Promise<void> {
  const { dryRun = false, json, yes } = options
  const { pauses, consequence, question, apply } = plan
  const onQueues = await openKnownQueues(options, env)
  const shards = await onQueues(listQueues)
  const changes = shards.some(({ status }) => status?.isPaused !== pauses)
  if (changes && !dryRun) {
    await confirm({ consequence, details: displayWaiting(shards), question, yes })
    await onQueues(apply)
  }
  const state = pauses ? 'paused' : 'running'
  if (json) {
    console.log(displayJson({ changed: changes && !dryRun, isPaused: dryRun ? isPaused(shards) : pauses }))
  } else if (!changes) {
    console.log(`the queue is ${state} already: nothing was changed`)
  } else {
    console.log(
      `${dryRun ? `the queue would be ${state}` : `the queue is ${state}`}; ${displayWaiting(shards)}`,
    )
  }
}

function isPaused(shards: readonly ShardListing[]): boolean {
  return shards.some(({ status }) => status?.isPaused)
}

function displayWaiting(shards: readonly ShardListing[]): string {
  const deliveries = shards.reduce((sum, { status }) => sum + (status?.deliveries ?? 0), 0)
  return `${displayCountOf(deliveries, 'delivery is', 'deliveries are')} not written yet`
}

function toJson({ shard, status, troubled }: ShardListing) {
  return { shard, isAway: status === null, ...status, troubled }
}

function renderShards(shards: readonly ShardListing[]): string {
  const rows = shards.map(({ shard, status }) => {
    if (status === null) return [String(shard), 'away', ...Array.from({ length: 6 }, () => '-')]
    const { isPaused, jobs, deliveries, oldestWaitingSeconds } = status
    return [
      String(shard),
      isPaused ? 'paused' : 'running',
      ...[jobs.waiting, jobs.active, jobs.delayed, jobs.failed, deliveries].map(displayCount),
      deliveries === 0 ? '-' : displaySpan(oldestWaitingSeconds),
    ]
  })
  const head = ['SHARD', 'STATE', 'WAITING', 'IN HAND', 'DELAYED', 'FAILED', 'DELIVERIES', 'OLDEST']
  const parts = [renderTable(head, rows, { rightAligned: [2, 3, 4, 5, 6, 7] })]
  for (const [state, heading] of [
    ['delayed', 'Delayed batches: they come again by themselves'],
    ['failed', 'Failed batches: vss queue retry-failed, after an update of the workers'],
  ] as const) {
    const troubled = shards.flatMap((shard) => shard.troubled.filter((batch) => batch.state === state))
    const more = shards.reduce((sum, { status }) => sum + (status?.jobs[state] ?? 0), 0) - troubled.length
    if (troubled.length === 0) continue
    const batches = troubled.map(renderTroubled).join('\n')
    parts.push(`${title(heading)}\n${batches}${more > 0 ? `\n  and ${displayCount(more)} more` : ''}`)
  }
  return parts.join('\n\n')
}

function renderTroubled({ batchId, deliveries, tries, reason, oldestReceivedAt }: TroubledBatch): string {
  const counts = `${displayCountOf(deliveries, 'delivery', 'deliveries')}, ${displayCountOf(tries, 'try', 'tries')}`
  return [
    indent(displayValue(batchId)),
    indent(`${counts}, the oldest received ${oldestReceivedAt}`, 4),
    renderParagraph(displayValue(reason), { indentColumns: 4 }),
  ].join('\n')
}
