/** A stretch of time, from `since` until before `until`. */
export interface Span {
  readonly since: Date
  readonly until: Date
}

/** The stretches that pages offer, each ending now. */
export const spans = {
  hour: { words: 'last hour', ms: 3_600_000 },
  day: { words: 'last 24 hours', ms: 86_400_000 },
  week: { words: 'last 7 days', ms: 7 * 86_400_000 },
  month: { words: 'last 30 days', ms: 30 * 86_400_000 },
} as const

export type SpanName = keyof typeof spans

/** Reads the name of a stretch from an address. @returns the fallback for any other text. */
export function readSpanName(text: string | undefined, fallback: SpanName): SpanName {
  return text !== undefined && Object.hasOwn(spans, text) ? (text as SpanName) : fallback
}

/** The stretch of that name. It ends at a whole minute, so that the pages of a minute are about the same time. */
export function spanEndingNow(name: SpanName, nowMs: number): Span {
  const until = Math.ceil((nowMs + 1) / 60_000) * 60_000
  return { since: new Date(until - spans[name].ms), until: new Date(until) }
}

/**
 * Reads a time in UTC as a field of a form gives it: `2026-03-01T09:30`, with seconds or without, or as ISO 8601.
 *
 * @returns undefined for an empty text, null for one that is no time
 */
export function readTime(text: string | undefined): Date | null | undefined {
  if (text === undefined || text.trim() === '') return undefined
  const [, minutes, seconds = ':00'] =
    /^(\d{4}-\d\d-\d\dT\d\d:\d\d)(:\d\d(?:\.\d{1,3})?)?Z?$/.exec(text.trim()) ?? []
  const time = new Date(`${minutes}${seconds}Z`)
  // Date reads 30 February as 2 March.
  return Number.isNaN(time.getTime()) || time.toISOString().slice(0, 16) !== minutes ? null : time
}

/** The time as a field of a form takes it. */
export function toField(time: Date): string {
  return time.toISOString().slice(0, 19)
}
