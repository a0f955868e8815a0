export type { ExpectedOutcome } from './dirt/dirt.ts'
export { type EventKind, type GeneratedEvent, type GeneratorOptions, generateEvents } from './generator.ts'
export { createRandom, type Random } from './random.ts'
