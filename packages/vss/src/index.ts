export { isUuid, receivedAtMsOf } from './delivery.ts'
export { enrichSession } from './enrich.ts'
export type { ExpectedOutcome } from './generator/dirt.ts'
export {
  type EventKind,
  type GeneratedEvent,
  type GeneratorOptions,
  generateEvents,
} from './generator/generator.ts'
export * from './model.ts'
export { type NumberFacts, numberFacts } from './numbers.ts'
export * from './reference.ts'
export { SessionSummary } from './schema.ts'
export { type Validation, validateEvent } from './validate.ts'
