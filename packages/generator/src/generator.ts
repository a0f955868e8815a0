import { createSteadyClock, createWeeklyClock, type Period } from './clocks.ts'
import type { Dirt, ExpectedOutcome } from './dirt/dirt.ts'
import { type DirtKind, dirtByKind } from './dirt.ts'
import { createRandom, type Random } from './random.ts'
import { createSessionSource, type LooseEvent, type SessionSource } from './sessions.ts'

export interface GeneratorOptions {
  /** The same seed (and options) gives the same bodies, byte for byte. */
  readonly seed: number | string
  /** The number of events; without end by default. */
  readonly count?: number
  /** The share of events that are not clean, 0 to 1. Default 0. */
  readonly dirtyShare?: number
  /** The start of the first session, milliseconds since the Unix epoch. Default 2026-01-01T00:00:00Z. */
  readonly startAtMs?: number
  /**
   * Spreads the events over this time instead, as a company's calls are: by hours and weekdays, from large and small
   * sub-accounts, mostly within a country. Takes a count.
   */
  readonly period?: Period
}

/**
 * `clean` is as documented. `duplicate` repeats an earlier event byte for byte. `correction` repeats an earlier session
 * with a changed body. The others are the kinds of dirt.
 */
export type EventKind = 'clean' | 'duplicate' | 'correction' | DirtKind

export interface GeneratedEvent {
  readonly kind: EventKind
  readonly body: Uint8Array
  /** The session that the body is about; null when the body does not tell. */
  readonly sessionId: string | null
  /** The outcome that it must have when the events are handled in the order of generation. */
  readonly expected: ExpectedOutcome
}

/** An earlier event that may be sent again, with its latest body. */
interface Repeatable {
  readonly sessionId: string
  readonly event: LooseEvent
  body: Uint8Array
}

const defaultStartAtMs = Date.UTC(2026, 0, 1)
/** Only this many of the latest events are repeated, because the platform repeats an event soon. */
const repeatableCount = 256
/** The share of repeats among the events that are not clean. */
const repeatedShare = 0.25

const storedClean: ExpectedOutcome = { outcome: 'stored', anomalies: [] }
const dirtKinds = Object.keys(dirtByKind) as DirtKind[]

const utf8 = new TextEncoder()

function soiled(kind: DirtKind, nextSession: SessionSource, random: Random): GeneratedEvent {
  const dirt: Dirt = dirtByKind[kind]
  const { sessionId, event } = nextSession(dirt.scenario ?? 'maskedCompleted')
  dirt.soil?.(event, random)
  const json = JSON.stringify(event)
  const body = dirt.rewrite?.(json, random) ?? json
  return {
    kind,
    body: typeof body === 'string' ? utf8.encode(body) : body,
    sessionId: dirt.hidesSession === true ? null : sessionId,
    expected: dirt.expected,
  }
}

function repeated(earlier: Repeatable, random: Random): GeneratedEvent {
  const { sessionId, event } = earlier
  if (random.chance(0.5)) {
    return { kind: 'duplicate', body: earlier.body, sessionId, expected: { outcome: 'duplicate' } }
  }
  event.payload.clientRequestId = `correction-${random.hex(12)}`
  earlier.body = utf8.encode(JSON.stringify(event))
  return { kind: 'correction', body: earlier.body, sessionId, expected: storedClean }
}

/**
 * Generates Voice Session Summaries as the platform would send them, in the order of their sessions' starts: masked
 * calls, IVR calls and voice messages in plausible shares, between valid numbers of nine countries. Clean events raise
 * no anomaly. Each event has a session of its own, except duplicates and corrections.
 *
 * The events are made as the consumer takes them, tens of thousands a second.
 */
export function* generateEvents(options: GeneratorOptions): Generator<GeneratedEvent, void, void> {
  const {
    seed,
    count = Number.POSITIVE_INFINITY,
    dirtyShare = 0,
    startAtMs = defaultStartAtMs,
    period,
  } = options
  if (period !== undefined && count === Number.POSITIVE_INFINITY) throw new Error('a period takes a count')
  const random = createRandom(seed)
  const nextStartMs =
    period === undefined
      ? createSteadyClock(random, startAtMs)
      : // Repeats take no time of their own.
        createWeeklyClock(random, period, count * (1 - dirtyShare * repeatedShare))
  const nextSession = createSessionSource(random, nextStartMs, { isUneven: period !== undefined })
  const repeatable: Repeatable[] = []
  let cleanEvents = 0

  for (let made = 0; made < count; made++) {
    if (random.chance(dirtyShare)) {
      const isRepeat = repeatable.length > 0 && random.chance(repeatedShare)
      yield isRepeat
        ? repeated(random.pick(repeatable), random)
        : soiled(random.pick(dirtKinds), nextSession, random)
      continue
    }
    const { sessionId, event } = nextSession()
    const body = utf8.encode(JSON.stringify(event))
    if (dirtyShare > 0) repeatable[cleanEvents++ % repeatableCount] = { sessionId, event, body }
    yield { kind: 'clean', body, sessionId, expected: storedClean }
  }
}
