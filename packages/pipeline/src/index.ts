export { decode, rejectUndecodable } from './decode.ts'
export { enrich } from './enrich.ts'
export { createPipeline, endOf } from './pipeline.ts'
export { isRejected, type Rejected, reject } from './rejected.ts'
export { type ReprocessedPage, type ReprocessOptions, reprocess } from './reprocess.ts'
export {
  createReprocessTally,
  type ReprocessCount,
  type ReprocessProgress,
  type ReprocessTally,
} from './reprocess-tally.ts'
export { validate } from './validate.ts'
export { createWrite, type Write, type WriteMetrics } from './write.ts'
