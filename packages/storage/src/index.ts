export { readDatabaseUrl } from './database-url.ts'
export { StorageFault } from './errors.ts'
export type { LedgerEntry, Verdict } from './ledger.ts'
export { migrate } from './migrate.ts'
export { ensureLedgerPartitions } from './partitions.ts'
export { closePool, createPool, type Pool } from './pool.ts'
export {
  type CallLegRow,
  countLedgerByOutcome,
  type DeliveryRow,
  pingDatabase,
  readDeliveriesOf,
  readDelivery,
  readSession,
  type SessionRow,
  type StoredSession,
} from './reader.ts'
export { createWriter, type Recorded, type Writer } from './writer.ts'
