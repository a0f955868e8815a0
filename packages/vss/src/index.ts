export { enrichSession } from './enrich.ts'
export { driftOf } from './undocumented.ts'
export { validateEvent } from './validate.ts'
export * from './vocabulary.ts'
