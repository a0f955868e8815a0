export { type Finding, findAll } from './findings.ts'
export { type DeliveryRow, readDeliveriesOf, readDelivery } from './ledger.ts'
export { countByOutcome, countedDays } from './minutes.ts'
export { type CallLegRow, readSession, type SessionRow, type StoredSession } from './sessions.ts'
