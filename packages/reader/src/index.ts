export { mayReadBodies, readBodies } from './body/bodies.ts'
export { hexRows } from './body/hex-rows.ts'
export { type MarkedBody, type MarkedLine, markBody } from './body/marked-body.ts'
export type { Change, Erasure, SessionChange } from './changes.ts'
export {
  type Consumer,
  type RestartPlan,
  readConsumers,
  readRestartPlan,
  removeConsumer,
} from './consumers.ts'
export { type DatabaseState, readDatabaseState } from './database-state.ts'
export type { Addresses } from './doctor/address-checks.ts'
export { type Away, type Checkup, isAway } from './doctor/checkup.ts'
export { findFaults } from './doctor/find-faults.ts'
export { type DriftRow, readDrift } from './drift.ts'
export { type ConsumerState, type FeedState, readFeedState } from './feed.ts'
export { FeedError } from './feed-error.ts'
export { type FoundSessions, findSessions, NoPlaceError, type SessionSearch } from './find.ts'
export type { Finding } from './finding.ts'
export { type Facts, findAll, type ServerProblem } from './findings.ts'
export { type Changes, type Following, type FollowOptions, follow } from './follow.ts'
export { type ReceiptToRow, readReceiptToRow } from './latency.ts'
export {
  type DeliveryRow,
  readDatabaseTime,
  readDeliveriesOf,
  readDelivery,
  readFirstDelivery,
} from './ledger.ts'
export {
  countByOutcome,
  countByTime,
  type OutcomeBucket,
  type OutcomeCounts,
} from './minutes.ts'
export { fewestDigits, type NumberSearch, readNumberSearch } from './numbers.ts'
export { ingestsOf, type Posts, sumPosts } from './posts.ts'
export {
  findRejected,
  mostGrouped,
  type RejectedGroup,
  type RejectedReport,
  type RejectedRow,
  readRejectedGroups,
} from './rejected.ts'
export type { RejectReasons } from './rejects.ts'
export { describeReplica } from './replica-lag.ts'
export { type Expired, type Retention, readExpired, readRetention, readRetentionFloor } from './retention.ts'
export { type CallLegRow, readSession, type SessionRow, type StoredSession } from './sessions.ts'
export { readSilentSubAccounts, type SilentSubAccount } from './silence.ts'
export { readTraffic, type TrafficGroup, type TrafficRow } from './traffic.ts'
export { judge, lastReceivedAtMs, type Verdict } from './verdict.ts'
