export { fetchRedisCheckup, type RedisCheckup } from './checkup.ts'
export {
  encodeBatch,
  openBatch,
  type PackedBatch,
  payloadVersion,
  readPayloadVersions,
  UnknownPayloadError,
} from './codec.ts'
export * from './consumer/consumer.ts'
export type { BatchEnd, BatchInHand } from './consumer/process-job.ts'
export { findDurabilityProblems } from './durability.ts'
export { type KeptText, keepText } from './kept-text.ts'
export * from './operate.ts'
export type { PrimaryCheckup } from './primary-checkup.ts'
export {
  type OwnReport,
  type ProcessList,
  type ProcessTelling,
  type RunningProcess,
  readProcesses,
  tellProcess,
} from './processes/processes.ts'
export type { IngestReport, ProcessReport, ServiceName, WorkerReport } from './processes/report.ts'
export * from './producer.ts'
export * from './queue-metrics.ts'
export * from './queue-reader.ts'
export { fetchIsPrefixKnown, fetchRedisState, type RedisState, readRedisState } from './redis-state.ts'
export type { RedisServer } from './server.ts'
export { countReaders, findUnread, listShards, type ShardInUse } from './shard-use.ts'
export { hasAnswered } from './short-connection.ts'
export { type QueueStatus, readQueueStatus, type ShardReading, type WholeQueueStatus } from './status.ts'
export { openTopology, type Shard, type Topology } from './topology.ts'
export * from './watermark/ingest-marks.ts'
export { retireIngest } from './watermark/retire-ingest.ts'
export {
  createWatermarkSource,
  type WatermarkFacts,
  type WatermarkSource,
} from './watermark/watermark-source.ts'
