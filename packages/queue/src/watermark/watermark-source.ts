import type { Shard, Topology } from '../topology.ts'
import { type IngestMark, type Marks, readMarks, removeRetired, retireMarks } from './ingest-marks.ts'
import { createAbandonedBatches } from './open-batches.ts'

/** All that Redis knows of deliveries that may not be in the tables yet. */
export interface WatermarkFacts extends Marks {
  /** The receipt of the oldest delivery in the queues, in milliseconds since the Unix epoch; null when there is none. */
  readonly oldestOpenMs: number | null
}

/** The side of the watermark that workers read. */
export interface WatermarkSource {
  /**
   * @param watermarkMs the watermark, which Redis may have forgotten.
   * @throws the error of ioredis, also where one shard cannot be read, or an Error for a mark that cannot be read.
   */
  read(watermarkMs?: number): Promise<WatermarkFacts>
  /** Retires marks of ingests that can have nothing any more, where they have not told another one since. */
  retire(marks: readonly IngestMark[]): Promise<void>
  /** Forgets retired ingests, after Postgres has forgotten them. */
  removeRetired(ids: readonly string[]): Promise<void>
}

/** Long beyond the moment between the note of a batch and the batch. */
const defaultAbandonedAfterMs = 60_000

/** @param options.abandonedAfterMs A batch that has had no job for this long is not open any more. */
export function createWatermarkSource(options: {
  topology: Topology
  abandonedAfterMs?: number
}): WatermarkSource {
  const { topology, abandonedAfterMs = defaultAbandonedAfterMs } = options
  const { client, prefix } = topology
  const looks = new Map<Shard, () => Promise<number | null>>()

  function lookInto(shard: Shard): Promise<number | null> {
    const look = looks.get(shard) ?? createAbandonedBatches(client, shard, abandonedAfterMs)
    looks.set(shard, look)
    return look()
  }

  return {
    async read(watermarkMs) {
      // Each read must see what came before the one above it. An ingest tells a mark only when the batches before it are
      // open, and it opens a batch only in a shard that is registered. A Redis that has lost its data may have the mark
      // again before the registration.
      const marks = await readMarks(client, prefix, watermarkMs)
      const shards = await topology.update(Math.max(1, ...marks.marks.map((mark) => mark.shards)))
      const open = await Promise.all(shards.map(lookInto))
      const receipts = open.filter((receipt) => receipt !== null)
      return { ...marks, oldestOpenMs: receipts.length === 0 ? null : Math.min(...receipts) }
    },
    retire: (marks) => retireMarks(client, prefix, marks),
    removeRetired: (ids) => removeRetired(client, prefix, ids),
  }
}
