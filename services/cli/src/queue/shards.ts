import { findUnread, listShards, type ShardInUse } from '@vss-pipeline/queue'
import { displayCount, displaySpan } from '@vss-pipeline/runtime'
import type { QueueOptions } from '../queue.ts'
import { displayJson, displayValue, renderTable } from '../text.ts'
import { openKnownQueues } from './address.ts'

/**
 * As JSON: `shards`, each with `shard`, `node` (`host:port`, or null where no node has it), `list` (the key of the list
 * in Redis in which batches wait), `isAway`, `workers`, and of one that answers `isPaused`, `jobs`, `deliveries` and
 * `oldestWaitingSeconds`.
 *
 * @throws CommandFailure, ConfigError
 */
export async function runShards(options: QueueOptions, env: NodeJS.ProcessEnv): Promise<void> {
  const onQueues = await openKnownQueues(options, env)
  const shards = await onQueues(listShards)
  if (options.json) console.log(displayJson({ shards: shards.map(toJson) }))
  else console.log(render(shards))
  if (shards.some(({ status }) => status === null) || findUnread(shards).length > 0) process.exitCode = 1
}

function toJson({ shard, node, list, workers, status }: ShardInUse) {
  return { shard, node, list, isAway: status === null, workers, ...status }
}

function render(shards: readonly ShardInUse[]): string {
  const rows = shards.map(({ shard, node, status, workers }) => [
    String(shard),
    displayValue(node),
    ...(status === null
      ? ['away', '-', '-', '-']
      : [
          status.isPaused ? 'paused' : 'running',
          displayCount(status.jobs.waiting + status.jobs.active + status.jobs.delayed),
          displayCount(status.deliveries),
          status.deliveries === 0 ? '-' : displaySpan(status.oldestWaitingSeconds),
        ]),
    displayCount(workers),
  ])
  const head = ['SHARD', 'NODE', 'STATE', 'BATCHES', 'DELIVERIES', 'OLDEST', 'WORKERS']
  return renderTable(head, rows, { rightAligned: [3, 4, 5, 6] })
}
