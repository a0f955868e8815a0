import type { ReprocessCount, ReprocessProgress } from '@vss-pipeline/pipeline'
import type { Problem } from './problem.ts'
import type { Target } from './target.ts'

/** One reprocessing: first a count of what would change and, once somebody has confirmed it, the change. */
export interface Run {
  readonly id: string
  readonly target: Target
  /** The person who asked for it, then the one who confirmed it. */
  readonly by: Asker
  readonly state: RunState
}

export interface Asker {
  /** The address that the request came from; null when its connection was gone. */
  readonly address: string | null
  /** Names the visit, as the log does. */
  readonly visit: string
}

/** Times are ISO 8601 in UTC. `would` is the result of the count, `did` that of reprocessing. */
export type RunState =
  | { readonly name: 'counting'; readonly would: ReprocessProgress }
  | { readonly name: 'not_counted'; readonly how: Exclude<Ending, { kind: 'done' }> }
  | { readonly name: 'counted'; readonly would: ReprocessProgress }
  | JudgingState
  | (Omit<JudgingState, 'name'> & {
      readonly name: 'ended'
      readonly how: Ending
      /** Null where the console was killed. */
      readonly endedAt: string | null
    })

interface JudgingState {
  readonly name: 'judging'
  readonly would: ReprocessProgress
  readonly did: ReprocessProgress
  readonly beganAt: string
}

export type Ending =
  | { readonly kind: 'done' }
  /** Somebody stopped it. */
  | { readonly kind: 'stopped' }
  /** The console ended meanwhile. */
  | { readonly kind: 'console_ended' }
  | { readonly kind: 'failed'; readonly problem: Problem }

export const nothingJudged: ReprocessProgress = { judged: 0, counts: [], doneUntil: null }

export function isActive({ state }: Run): boolean {
  return state.name === 'counting' || state.name === 'judging'
}

/** Whether it has changed rows, or may have. */
export function isReceipt({ state }: Run): boolean {
  return state.name === 'judging' || state.name === 'ended'
}

/** Whether rows are no longer as they were. */
export function isChange({ effect }: ReprocessCount): boolean {
  return effect === 'judged' || effect === 'session_rewritten'
}

/** A page more has been judged. */
export function progressed(state: RunState, progress: ReprocessProgress): RunState {
  if (state.name === 'counting') return { ...state, would: progress }
  return state.name === 'judging' ? { ...state, did: progress } : state
}

/** Somebody has confirmed the count. */
export function confirmed(state: RunState, beganAt: string): RunState {
  if (state.name !== 'counted') return state
  return { name: 'judging', would: state.would, did: nothingJudged, beganAt }
}

/** The work has come to an end, or was brought to one. */
export function ended(state: RunState, how: Ending, endedAt: string | null): RunState {
  if (state.name === 'judging') return { ...state, name: 'ended', how, endedAt }
  if (state.name !== 'counting') return state
  return how.kind === 'done' ? { name: 'counted', would: state.would } : { name: 'not_counted', how }
}
