import { repeatEvery } from '@vss-pipeline/runtime'
import type { Shard, Topology } from '../topology.ts'

const intervalMs = 1_000

/**
 * Looks each second for shards that hold batches and are not read here: an ingest may fill more than this worker was
 * told of, or an earlier one has.
 *
 * @param deps.isRead whether the shard is read already.
 * @param deps.read is called for each shard that is found, and has to make `isRead` true.
 * @returns a function that stops the looks. One that is under way may still find shards.
 */
export function findFurtherShards(deps: {
  topology: Topology
  isRead: (shard: Shard) => boolean
  read: (shard: Shard) => void
}): () => void {
  const { topology, isRead, read } = deps

  async function look(): Promise<void> {
    if (topology.client.status !== 'ready') return
    try {
      const further = (await topology.update()).filter((shard) => !isRead(shard))
      await Promise.all(further.map(readIfFilled))
    } catch {
      // The client's owner logs that Redis is away.
    }
  }

  async function readIfFilled(shard: Shard): Promise<void> {
    const counts = await shard.queue.getJobCounts('waiting', 'active', 'delayed')
    if (Object.values(counts).some((count) => count > 0)) read(shard)
  }

  return repeatEvery(intervalMs, look)
}
