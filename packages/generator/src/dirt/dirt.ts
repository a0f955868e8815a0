import type { Anomaly, ReasonCode } from '@vss-pipeline/vss'
import type { Random } from '../random.ts'
import type { ScenarioName } from '../scenarios.ts'
import type { LooseEvent, LooseObject } from '../sessions.ts'

/** The outcome of an event that is handled after all events before it. */
export type ExpectedOutcome =
  | { readonly outcome: 'stored'; readonly anomalies: readonly Anomaly[] }
  | { readonly outcome: 'duplicate' }
  | { readonly outcome: 'rejected'; readonly reasons: readonly ReasonCode[] }

/** One way in which an event can differ from the documentation. */
export interface Dirt {
  readonly expected: ExpectedOutcome
  /** The scenario that it needs. By default `maskedCompleted`, which has two connected legs with quality. */
  readonly scenario?: ScenarioName
  /** Set when the body no longer tells its session. */
  readonly hidesSession?: true
  /** Changes the event before it is written as JSON. */
  soil?(event: LooseEvent, random: Random): void
  /** Changes the JSON text to something that JSON.stringify cannot write. */
  rewrite?(json: string, random: Random): string | Uint8Array
}

export const stored = (...anomalies: Anomaly[]): ExpectedOutcome => ({ outcome: 'stored', anomalies })
export const rejected = (...reasons: ReasonCode[]): ExpectedOutcome => ({ outcome: 'rejected', reasons })

export const legs = (event: LooseEvent) => Object.values(event.payload.details)
export const leg = (event: LooseEvent, name: 'callA' | 'callB') => event.payload.details[name] as LooseObject

export const shiftSeconds = (timestamp: unknown, seconds: number) =>
  new Date(Date.parse(String(timestamp)) + seconds * 1000).toISOString()

/** Times that were never set, as the platform sends them. */
export const timesOfNothing = ['1970-01-01T00:00:00Z', '1969-12-31T23:59:59.999Z']

export const unreadableTimes: readonly unknown[] = [
  ...timesOfNothing,
  '2024-02-30T00:00:00Z',
  'yesterday',
  1711346490,
  '',
]
