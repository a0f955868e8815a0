export { type ConsumerState, type FeedState, readFeedState } from './feed.ts'
export { type Finding, findAll } from './findings.ts'
export { countLedgerByOutcome, type DeliveryRow, readDeliveriesOf, readDelivery } from './ledger.ts'
export { type CallLegRow, readSession, type SessionRow, type StoredSession } from './sessions.ts'
