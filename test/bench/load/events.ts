import { type EventKind, generateEvents } from '@vss-pipeline/generator'

/** Events to send, and the number of their sessions. */
export interface Events {
  bodies: Buffer[]
  sessions: number
}

const dirtyShare = 0.05
const kinds = new Set<EventKind>(['clean', 'duplicate', 'correction'])

/**
 * Makes varied events as the platform would send them, some of them corrected or sent twice. The same seed gives every
 * contestant the same events. None is malformed, because peers answer those with errors.
 */
export function makeEvents(count: number, seed: number | string): Events {
  const bodies: Buffer[] = []
  const sessionIds = new Set<string>()
  for (const { kind, body, sessionId } of generateEvents({ seed: `bench-${seed}`, dirtyShare })) {
    if (bodies.length === count) break
    if (!kinds.has(kind)) continue
    bodies.push(Buffer.from(body))
    sessionIds.add(sessionId!)
  }
  return { bodies, sessions: sessionIds.size }
}
