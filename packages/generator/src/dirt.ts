import { compressedBodies } from './dirt/compressed.ts'
import { contradictions } from './dirt/contradictions.ts'
import type { Dirt } from './dirt/dirt.ts'
import { drift } from './dirt/drift.ts'
import { hostile } from './dirt/hostile.ts'
import { unusableEvents } from './dirt/unusable-events.ts'
import { unusableValues } from './dirt/unusable-values.ts'

/** All kinds of dirt, by name. */
export const dirtByKind = {
  ...drift,
  ...contradictions,
  ...unusableValues,
  ...hostile,
  ...compressedBodies,
  ...unusableEvents,
} satisfies Record<string, Dirt>

export type DirtKind = keyof typeof dirtByKind
