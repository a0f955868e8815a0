import { cached } from './cache.ts'

const timestampForm =
  /^(\d{4})-(\d\d)-(\d\d)[T ](\d\d):(\d\d)(?::(\d\d)(?:\.(\d{1,9}))?)?(?:Z|([+-])(\d\d):?(\d\d))?$/i

/** `9999-12-31T23:59:59.999999999+00:00` */
const longestTimestamp = 35
const cachedTimes = 10_000

const msPerMinute = 60_000
const firstYear = 1970
const earliestMs = Date.UTC(firstYear, 0, 1)
const latestMs = Date.UTC(9999, 11, 31, 23, 59, 59, 999)

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
 * @returns milliseconds since the Unix epoch, in the years 1970 to 9999 (further digits are cut), or null
 */
export function readTimestamp(text: string): number | null {
  return text.length > longestTimestamp ? null : read(text)
}

const read = cached(cachedTimes, (text): number | null => {
  const parts = timestampForm.exec(text)
  if (parts === null) return null
  const [, yyyy, mm, dd, hh, mi, ss = '0', fraction = '', sign, offsetHours = '0', offsetMinutes = '0'] =
    parts
  const year = Number(yyyy)
  const month = Number(mm)
  const day = Number(dd)
  // Date.UTC takes years before 100 for the 20th century's; the first year is the one that zones can reach into.
  if (year < firstYear - 1 || month < 1 || month > 12 || day < 1 || day > daysInMonth(year, month))
    return null
  const hour = Number(hh)
  const minute = Number(mi)
  // A leap second is none that a timestamp can hold.
  const second = ss === '60' ? 59 : Number(ss)
  if (hour > 23 || minute > 59 || second > 59) return null
  if (Number(offsetHours) > 23 || Number(offsetMinutes) > 59) return null

  const ms = Number(fraction.slice(0, 3).padEnd(3, '0'))
  const local = Date.UTC(year, month - 1, day, hour, minute, second, ms)
  const offsetMs = (Number(offsetHours) * 60 + Number(offsetMinutes)) * msPerMinute
  const utc = sign === '-' ? local + offsetMs : local - offsetMs
  return utc < earliestMs || utc > latestMs ? null : utc
})

/** Seconds from one time, in milliseconds, to another; negative when they run backwards, null when either is unknown. */
export function secondsBetween(fromMs: number | null, toMs: number | null): number | null {
  return fromMs === null || toMs === null ? null : (toMs - fromMs) / 1000
}
