import { readFileSync } from 'node:fs'
import type { NormalizedSession, Session } from '@vss-pipeline/vss'
import { enrichSession, validateEvent } from '@vss-pipeline/vss'

export type WireObject = Record<string, unknown>
export interface WireEvent extends WireObject {
  payload: WireObject & { details: { callA: WireObject; callB: WireObject } & Record<string, unknown> }
}

const read = (name: string) => readFileSync(new URL(`../fixtures/${name}.json`, import.meta.url), 'utf8')
const completedText = read('example-completed')
const errorText = read('example-error')

/** The vendor's example of a completed masked call, fresh for every caller. */
export const completedExample = (): WireEvent => JSON.parse(completedText)

/** The vendor's example of a failed voice message, fresh for every caller. It has no leg B. */
export const errorExample = (): WireEvent => JSON.parse(errorText)

export function bodyOf(event: unknown): Uint8Array {
  return new TextEncoder().encode(typeof event === 'string' ? event : JSON.stringify(event))
}

/** The session that validation makes of an event. @throws Error when the event is rejected. */
export function validated(event: unknown): NormalizedSession {
  const validation = validateEvent(bodyOf(event))
  if (!validation.ok) throw new Error(`rejected: ${JSON.stringify(validation.reasons)}`)
  return validation.session
}

/** The receipt of the examples' deliveries: a moment after the end of the completed call. */
export const examplesReceivedAtMs = Date.parse('2024-03-25T06:01:51Z')

/** The session that would be stored for an event that must pass validation. */
export function enriched(event: unknown): Session {
  return enrichSession(validated(event), examplesReceivedAtMs)
}

/** The completed example after a change, as the session that would be stored. */
export function completedWith(change: (event: WireEvent) => void): Session {
  const event = completedExample()
  change(event)
  return enriched(event)
}

/** The reasons for which the completed example is rejected after a change, as `code path`. */
export function rejectionOf(change: (event: WireEvent) => void): string[] {
  const event = completedExample()
  change(event)
  const validation = validateEvent(bodyOf(event))
  return validation.ok ? [] : validation.reasons.map(({ code, path }) => `${code} ${path}`)
}

/** A time of the minute after the completed example, on the wire. */
export const atSecond = (second: number) => `2024-03-25T06:02:${String(second).padStart(2, '0')}Z`

/** The times of a leg, as seconds of that minute; null is never or unknown. */
export function legTimes(
  initiated: number | null,
  connected: number | null,
  disconnected: number | null,
): WireObject {
  const at = (second: number | null) => (second === null ? null : atSecond(second))
  return {
    initiatedTimestamp: at(initiated),
    connectedTimestamp: at(connected),
    disconnectedTimestamp: at(disconnected),
  }
}
