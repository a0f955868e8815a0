import type { RedisClient } from '../connection.ts'
import type { Shard } from '../topology.ts'
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
   * @throws the error of ioredis, or an Error for a mark that cannot be read, or of an ingest with more queues.
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
  client: RedisClient
  shards: readonly Shard[]
  prefix: string
  abandonedAfterMs?: number
}): WatermarkSource {
  const { client, shards, prefix, abandonedAfterMs = defaultAbandonedAfterMs } = options
  const looks = shards.map((shard) => createAbandonedBatches(client, shard, abandonedAfterMs))

  return {
    async read(watermarkMs) {
      // An ingest tells a later mark only when the batches before it are open, so the marks have to be read first.
      const marks = await readMarks(client, prefix, watermarkMs)
      const wider = marks.marks.find((mark) => mark.shards > shards.length)
      if (wider !== undefined) {
        throw new Error(
          `QUEUE_SHARDS is ${wider.shards} for ingest ${wider.id} (${wider.place}) and ${shards.length} here: give workers the greater number`,
        )
      }
      const open = await Promise.all(looks.map((look) => look()))
      const receipts = open.filter((receipt) => receipt !== null)
      return { ...marks, oldestOpenMs: receipts.length === 0 ? null : Math.min(...receipts) }
    },
    retire: (marks) => retireMarks(client, prefix, marks),
    removeRetired: (ids) => removeRetired(client, prefix, ids),
  }
}
