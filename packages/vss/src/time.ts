import { cached } from './cache.ts'

const TIMESTAMP =
  /^(\d{4})-(\d\d)-(\d\d)[T ](\d\d):(\d\d)(?::(\d\d)(?:\.(\d{1,9}))?)?(?:Z|([+-])(\d\d):?(\d\d))?$/i

/** `9999-12-31T23:59:59.999999999+00:00` */
const LONGEST_TEXT = 35
const CACHED_TIMES = 10_000

const MS_PER_MINUTE = 60_000
const EARLIEST_MS = Date.UTC(1970, 0, 1)
const LATEST_MS = Date.UTC(9999, 11, 31, 23, 59, 59, 999)

function daysInMonth(year: number, month: number): number {
  if (month === 2) return (year % 4 === 0 && year % 100 !== 0) || year % 400 === 0 ? 29 : 28
  return month === 4 || month === 6 || month === 9 || month === 11 ? 30 : 31
}

/**
 * Reads an ISO 8601 date and time as the platform sends it: seconds and fraction optional, `T` or a space,
 * zone `Z`, `±HH:MM`, `±HHMM` or none, which means UTC as everywhere in the vendor's documentation.
 * `Date.parse` would not do: it rolls 30 February over and reads a missing zone as local time.
 *
 * Sessions that end together name the same seconds: what was read a moment ago is not read again.
 *
 * @returns `YYYY-MM-DDTHH:MM:SS.mmmZ` in the years 1970 to 9999 (further digits are cut), or null
 */
export function readTimestamp(text: string): string | null {
  return text.length > LONGEST_TEXT ? null : read(text)
}

const read = cached(CACHED_TIMES, (text): string | null => {
  const parts = TIMESTAMP.exec(text)
  if (parts === null) return null
  const [, yyyy = '', mm = '', dd = '', hh = '', mi = '', second = '00', fraction = '', sign] = parts
  // A leap second is none that a timestamp can hold.
  const ss = second === '60' ? '59' : second
  const year = Number(yyyy)
  const month = Number(mm)
  const day = Number(dd)
  if (month < 1 || month > 12 || day < 1 || day > daysInMonth(year, month)) return null
  if (hh > '23' || mi > '59' || ss > '59') return null
  const ms = fraction.slice(0, 3).padEnd(3, '0')

  // Nearly every timestamp is in UTC already and needs no arithmetic.
  if (sign === undefined) return year < 1970 ? null : `${yyyy}-${mm}-${dd}T${hh}:${mi}:${ss}.${ms}Z`

  const [offsetHours = '', offsetMinutes = ''] = parts.slice(9)
  if (offsetHours > '23' || offsetMinutes > '59') return null
  const offset = (Number(offsetHours) * 60 + Number(offsetMinutes)) * MS_PER_MINUTE
  const local = Date.parse(`${yyyy}-${mm}-${dd}T${hh}:${mi}:${ss}.${ms}Z`)
  const utc = sign === '+' ? local - offset : local + offset
  return utc < EARLIEST_MS || utc > LATEST_MS ? null : new Date(utc).toISOString()
})

/** Milliseconds since the Unix epoch. @param timestamp as {@link readTimestamp} returns it; NaN for anything else. */
export const epochMsOf: (timestamp: string) => number = cached(CACHED_TIMES, Date.parse)

/** Seconds from one ISO 8601 time to another; negative when they run backwards, null when either is unknown. */
export function secondsBetween(from: string | null, to: string | null): number | null {
  return from === null || to === null ? null : (epochMsOf(to) - epochMsOf(from)) / 1000
}
