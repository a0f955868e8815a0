import { repeatEvery } from '@vss-pipeline/runtime'
import type { Logger } from '@vss-pipeline/runtime/service'
import type { RedisClient } from './connection.ts'
import { parseInfo } from './info.ts'
import type { Shard } from './topology.ts'

const defaultCheckIntervalMs = 10_000
const checksBeforeRewrite = 6
const lockMs = 60_000
/** A larger data set is that of other programs. Redis' own tables and scripts take one megabyte. */
const othersDataBytes = 64 * 1024 * 1024

export interface Forgetting {
  /** Notes that a batch has left the queue. Its bodies are still in Redis' append-only file. */
  batchDone(): void
  stop(): void
}

/**
 * Lets Redis rewrite its append-only file when the queues have been empty for a minute. Until a rewrite the file holds
 * all bodies that passed through the queue, with their phone numbers. By itself Redis rewrites a file that has doubled
 * beyond 64 MB, which takes months at low traffic.
 *
 * One of several workers does it. None does where other programs keep much data in the same Redis and the file is not
 * larger than that: a rewrite would cost them more than it removes.
 *
 * @param deps.checkIntervalMs is the time between checks of the queues. Six checks in a row must find them empty.
 */
export function forgetWhenIdle(deps: {
  client: RedisClient
  shards: readonly Shard[]
  logger: Logger
  checkIntervalMs?: number | undefined
}): Forgetting {
  const { client, shards, logger, checkIntervalMs = defaultCheckIntervalMs } = deps
  let hasBodies = false
  let emptyChecks = 0

  async function check(): Promise<void> {
    if (!hasBodies || client.status !== 'ready') return
    try {
      emptyChecks = (await isEmpty()) ? emptyChecks + 1 : 0
      if (emptyChecks < checksBeforeRewrite) return
      emptyChecks = 0
      if (!(await isWorthwhile())) return
      // The lock keeps other workers from rewriting the file again.
      const isOurs = await client.set(shards[0]!.queue.toKey('rewriting'), '1', 'PX', lockMs, 'NX')
      hasBodies = false
      if (isOurs === null) return
      await client.bgrewriteaof()
      logger.info('Redis rewrites its append-only file: bodies that have left the queue leave it too')
    } catch (error) {
      // Managed servers often forbid the command. Then the file is not ours to rewrite.
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
