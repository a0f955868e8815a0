export { encodeBatch, openBatch, type PackedBatch, UnknownPayloadError } from './codec.ts'
export * from './consumer/consumer.ts'
export type { BatchEnd, BatchInHand } from './consumer/process-job.ts'
export * from './durability.ts'
export * from './fetch-status.ts'
export * from './producer.ts'
export * from './queue-metrics.ts'
export * from './queue-reader.ts'
export { type QueueStatus, readQueueStatus } from './status.ts'
export type { Shard } from './topology.ts'
export * from './watermark/ingest-marks.ts'
export { retireIngest } from './watermark/retire-ingest.ts'
export {
  createWatermarkSource,
  type WatermarkFacts,
  type WatermarkSource,
} from './watermark/watermark-source.ts'
