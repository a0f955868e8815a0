import { repeatEvery } from '@vss-pipeline/runtime'
import type { Logger } from '@vss-pipeline/runtime/service'
import type { Redis } from 'ioredis'
import { parseInfo } from './info.ts'
import type { Shard } from './topology.ts'

const defaultCheckIntervalMs = 10_000
const checksBeforeRewrite = 6
const lockMs = 60_000
/** Redis' own tables and scripts take one megabyte: a data set larger than this is that of others. */
const othersDataBytes = 64 * 1024 * 1024

export interface Forgetting {
  /** Says that batches have left the queue: their bodies are still in Redis' append-only file. */
  batchDone(): void
  stop(): void
}

/**
 * Has Redis rewrite its append-only file when the queues have been empty for a minute. Until a rewrite the file holds
 * every body that ever passed through the queue, phone numbers included; by itself Redis rewrites it once it has
 * doubled beyond 64 MB, which at low traffic takes months.
 *
 * One of several workers does it. None does where others keep much data in the same Redis and the file is no larger
 * than that: a rewrite would cost them more than it forgets.
 *
 * @param options.checkIntervalMs how often the queues are looked at; they must be empty six times in a row
 */
export function forgetWhenIdle(options: {
  client: Redis
  shards: readonly Shard[]
  logger: Logger
  checkIntervalMs?: number | undefined
}): Forgetting {
  const { client, shards, logger, checkIntervalMs = defaultCheckIntervalMs } = options
  let hasBodies = false
  let emptyChecks = 0

  async function check(): Promise<void> {
    if (!hasBodies || client.status !== 'ready') return
    try {
      emptyChecks = (await isEmpty()) ? emptyChecks + 1 : 0
      if (emptyChecks < checksBeforeRewrite) return
      emptyChecks = 0
      if (!(await isWorthwhile())) return
      // Whoever comes second would rewrite what has just been rewritten.
      const isOurs = await client.set(shards[0]!.queue.toKey('rewriting'), '1', 'PX', lockMs, 'NX')
      hasBodies = false
      if (isOurs === null) return
      await client.bgrewriteaof()
      logger.info('Redis rewrites its append-only file: bodies that have left the queue leave it too')
    } catch (error) {
      // Servers that others manage often forbid the command; they also keep no file of ours.
      hasBodies = false
      logger.debug({ err: error }, 'Redis does not rewrite its append-only file')
    }
  }

  async function isEmpty(): Promise<boolean> {
    const counts = await Promise.all(
      shards.map(({ queue }) => queue.getJobCounts('waiting', 'active', 'delayed')),
    )
    return counts.flatMap((states) => Object.values(states)).every((count) => count === 0)
  }

  async function isWorthwhile(): Promise<boolean> {
    const info = parseInfo(await client.info())
    const told = (name: string) => Number(info.get(name) ?? 0)
    return (
      told('aof_enabled') === 1 &&
      told('aof_rewrite_in_progress') === 0 &&
      told('used_memory_dataset') < Math.max(othersDataBytes, told('aof_current_size'))
    )
  }

  return {
    batchDone() {
      hasBodies = true
    },
    stop: repeatEvery(checkIntervalMs, check),
  }
}
