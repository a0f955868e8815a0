import { repeatEvery } from '@vss-pipeline/runtime'
import type { Logger } from '@vss-pipeline/runtime/service'
import type { Redis } from 'ioredis'
import type { RedisClient } from './connection.ts'
import { parseInfo } from './info.ts'
import { isCluster, nameOf, primaryOf } from './nodes.ts'
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
 * beyond 64 MB, which takes months at low traffic. In a cluster each primary is looked at by itself.
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
  let isBatchDone = false
  /** Primaries that have bodies in their files, with the number of checks in a row that found their queues empty. */
  const emptyChecks = new Map<string, number>()

  async function check(): Promise<void> {
    if (client.status !== 'ready' || !(isBatchDone || emptyChecks.size > 0)) return
    const byPrimary = Map.groupBy(shards, ({ queue }) => primaryOf(client, queue.qualifiedName))
    if (isBatchDone) for (const primary of byPrimary.keys()) if (primary !== undefined) note(primary)
    isBatchDone = false
    await Promise.all(
      [...byPrimary].map(([primary, itsShards]) => primary && checkPrimary(primary, itsShards)),
    )
  }

  function note(primary: Redis): void {
    const name = nameOf(primary)
    if (!emptyChecks.has(name)) emptyChecks.set(name, 0)
  }

  async function checkPrimary(primary: Redis, itsShards: readonly Shard[]): Promise<void> {
    const name = nameOf(primary)
    const checksBefore = emptyChecks.get(name)
    if (checksBefore === undefined) return
    try {
      const checks = (await isEmpty(itsShards)) ? checksBefore + 1 : 0
      emptyChecks.set(name, checks % checksBeforeRewrite)
      if (checks < checksBeforeRewrite || !(await isWorthwhile(primary))) return
      // The lock keeps other workers from rewriting the file again.
      const isOurs = await client.set(itsShards[0]!.queue.toKey('rewriting'), '1', 'PX', lockMs, 'NX')
      emptyChecks.delete(name)
      if (isOurs === null) return
      await primary.bgrewriteaof()
      const node = isCluster(client) ? { node: name } : {}
      logger.info(node, 'Redis rewrites its append-only file: bodies that have left the queue leave it too')
    } catch (error) {
      // Managed servers often forbid the command. Then the file is not ours to rewrite.
      emptyChecks.delete(name)
      logger.debug({ err: error }, 'Redis does not rewrite its append-only file')
    }
  }

  return {
    batchDone() {
      isBatchDone = true
    },
    stop: repeatEvery(checkIntervalMs, check),
  }
}

async function isEmpty(shards: readonly Shard[]): Promise<boolean> {
  const counts = await Promise.all(
    shards.map(({ queue }) => queue.getJobCounts('waiting', 'active', 'delayed')),
  )
  return counts.flatMap((states) => Object.values(states)).every((count) => count === 0)
}

async function isWorthwhile(node: Redis): Promise<boolean> {
  const info = parseInfo(await node.info())
  const told = (name: string) => Number(info.get(name) ?? 0)
  return (
    told('aof_enabled') === 1 &&
    told('aof_rewrite_in_progress') === 0 &&
    told('used_memory_dataset') < Math.max(othersDataBytes, told('aof_current_size'))
  )
}
