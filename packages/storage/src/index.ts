export { type AddressCheckup, readAddressCheckup } from './address-checkup.ts'
export { bodyOfDelivery } from './bodies.ts'
export {
  type ClockReading,
  clockReading,
  type DatabaseCheckup,
  readDatabaseCheckup,
  workerApplicationName,
} from './checkup.ts'
export { columnNameOf, memberAsRead } from './column-name.ts'
export {
  type CallLegColumns,
  type Columns,
  callLegColumns,
  type DeliveryColumns,
  deliveryColumns,
  type SessionColumns,
  sessionColumns,
} from './columns.ts'
export { type Drift, noteDrift } from './drift.ts'
export { StorageFault, toStorageFault } from './errors.ts'
export { beatFeed, continueFeed, type FeedBeat, restartFeed } from './feed.ts'
export { refreshFigures } from './figures.ts'
export type { LedgerDelivery, LedgerPlace, LedgerSelection } from './ledger-selection.ts'
export { addUpMinutes, countedDays, insertTallies, pruneMinutes, type Tally } from './minutes.ts'
export { ensurePartitions } from './partitions.ts'
export { pingDatabase } from './ping.ts'
export { closePool, createPool, type Pool } from './pool.ts'
export { findPooling, type Pooling } from './pooling.ts'
export { handlingOf } from './postgres-types.ts'
export { type Rejudged, type RejudgedEffect, type RejudgeOptions, rejudgePage } from './rejudge.ts'
export { reopenUndecodable } from './reopen.ts'
export { type ReplicaState, readReplicaState } from './replica.ts'
export { letGo, type RetentionDays, type RetentionKind, retentionKinds } from './retention.ts'
export { selected } from './statements.ts'
export { inTransaction } from './transaction.ts'
export {
  advanceWatermark,
  deliveriesWait,
  forgetIngest,
  type KnownIngest,
  readWatermark,
  type StoredWatermark,
} from './watermark.ts'
export { createWriter, type Recorded, type Writer } from './writer.ts'
