/** The words and types of events, for programs that read no events: the checks and the numbering plans take 40 MB. */
export { decompressed } from './compression.ts'
export type { CallLeg, Session } from './enrich.ts'
export * from './model.ts'
export { errorMeanings, sessionStatuses } from './reference.ts'
export * from './verdict.ts'
