import { cached } from './cache.ts'

const timestampForm =
  /^(\d{4})-(\d\d)-(\d\d)[T ](\d\d):(\d\d)(?::(\d\d)(?:[.,](\d{1,9}))?)?(?:Z|([+-])(\d\d)(?::?(\d\d))?)?$/i

/** The length of `9999-12-31T23:59:59.999999999+00:00`. */
const longestTimestamp = 35
const cachedTimes = 10_000

const msPerMinute = 60_000
const msPerDay = 24 * 60 * msPerMinute
/** An unset time is sent as the epoch or a moment before it, in any zone. No session is as old as this. */
const firstYear = 2000
const earliestMs = Date.UTC(firstYear, 0, 1)
const latestMs = Date.UTC(9999, 11, 31, 23, 59, 59, 999)

function daysInMonth(year: number, month: number): number {
  if (month === 2) return (year % 4 === 0 && year % 100 !== 0) || year % 400 === 0 ? 29 : 28
  return month === 4 || month === 6 || month === 9 || month === 11 ? 30 : 31
}

/**
 * Reads an ISO 8601 date and time as the platform sends it. Seconds and fraction are optional; a point or a comma comes
 * before the fraction, a `T` or a space before the time. The zone is `Z`, `±HH:MM`, `±HHMM`, `±HH` or missing; a missing
 * one means UTC, as in the documentation. `24:00:00` is the midnight that ends the day.
 *
 * `Date.parse` is not used, because it reads 30 February as 1 March and a missing zone as local time. The results are
 * cached, because sessions that end together name the same seconds.
 *
 * @returns milliseconds since the Unix epoch, in the years 2000 to 9999 (further digits are cut), or null
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
  // Date.UTC reads years before 100 as years of the 20th century. A zone may move 31 December 1999 into 2000.
  if (year < firstYear - 1 || month < 1 || month > 12 || day < 1 || day > daysInMonth(year, month))
    return null
  const hour = Number(hh)
  const minute = Number(mi)
  const isLeapSecond = ss === '60'
  // No timestamp can hold a leap second: it becomes the second before it.
  const second = isLeapSecond ? 59 : Number(ss)
  const endsDay = hour === 24 && minute === 0 && second === 0 && Number(fraction) === 0
  if ((hour > 23 && !endsDay) || minute > 59 || second > 59) return null
  if (Number(offsetHours) > 23 || Number(offsetMinutes) > 59) return null

  const ms = Number(fraction.slice(0, 3).padEnd(3, '0'))
  const local = Date.UTC(year, month - 1, day, hour, minute, second, ms)
  const offsetMs = (Number(offsetHours) * 60 + Number(offsetMinutes)) * msPerMinute
  const utc = sign === '-' ? local + offsetMs : local - offsetMs
  if (utc < earliestMs || utc > latestMs) return null
  // Leap seconds are inserted at the end of a day of UTC.
  return isLeapSecond && utc % msPerDay < msPerDay - 1_000 ? null : utc
})

/**
 * @param fromMs milliseconds since the Unix epoch
 * @returns seconds from one time to the other: negative when they run backwards, null when one is unknown
 */
export function secondsBetween(fromMs: number | null, toMs: number | null): number | null {
  return fromMs === null || toMs === null ? null : (toMs - fromMs) / 1000
}
