/** Parsers of the command line's values. Each throws commander's error, which names option and value. */
import { isUuid } from '@vss-pipeline/delivery'
import { isLoopback } from '@vss-pipeline/runtime'
import { InvalidArgumentError } from 'commander'

/** A parser of whole numbers from `min` to `max`, both included. */
export function wholeNumber(min: number, max: number): (text: string) => number {
  return function parseWholeNumber(text) {
    const number = /^\d{1,15}$/.test(text) ? Number(text) : Number.NaN
    if (!(number >= min && number <= max)) {
      throw new InvalidArgumentError(`It takes a whole number from ${min} to ${max}.`)
    }
    return number
  }
}

const amountUnits = { '': 1, k: 1e3, m: 1e6, g: 1e9 }

/** @returns a count from 1 to a million million, of `250000`, `250k`, `10M`, `1G` or `1e9`. */
export function parseAmount(text: string): number {
  const [, digits = '', unit = ''] = /^(\d{1,13}(?:\.\d{1,6})?(?:e\d{1,2})?)([kmg]?)$/i.exec(text) ?? []
  const amount =
    digits === '' ? Number.NaN : Number(digits) * amountUnits[unit.toLowerCase() as keyof typeof amountUnits]
  if (!(amount >= 1 && amount <= 1e12)) {
    throw new InvalidArgumentError('It takes a count from 1 to 1e12, such as 250k, 10M or 1e9.')
  }
  return amount
}

/** @returns a multiple from 1 to 1000, of `4` or `2.5`. */
export function parseFactor(text: string): number {
  const factor = /^\d{1,4}(\.\d{1,3})?$/.test(text) ? Number(text) : Number.NaN
  if (!(factor >= 1 && factor <= 1_000)) {
    throw new InvalidArgumentError('It takes a multiple from 1 to 1000, such as 4 or 2.5.')
  }
  return factor
}

/** @returns whole days, of `30d` or `30`. */
export function parseDays(text: string): number {
  const [, digits] = /^(\d{1,5})d?$/.exec(text) ?? []
  const days = Number(digits)
  if (!(days >= 1 && days <= 36_500)) {
    throw new InvalidArgumentError('It takes a number of days from 1 to 36500, such as 30d.')
  }
  return days
}

const sizeUnits = { mib: 2 ** 20, gib: 2 ** 30, tib: 2 ** 40 }

/** @returns bytes, of `512MiB`, `32GiB` or `16TiB`. */
export function parseBytes(text: string): number {
  const [, digits = '', unit = ''] = /^(\d{1,6}(?:\.\d{1,3})?)([mgt]ib)$/i.exec(text) ?? []
  const bytes = Number(digits) * sizeUnits[unit.toLowerCase() as keyof typeof sizeUnits]
  if (!(bytes >= 1)) throw new InvalidArgumentError('It takes a size, such as 512MiB, 32GiB or 16TiB.')
  return bytes
}

/** @returns a number a second, more than 0. */
export function parseRate(text: string): number {
  const rate = /^\d{1,9}(\.\d+)?$/.test(text) ? Number(text) : Number.NaN
  if (!(rate > 0)) throw new InvalidArgumentError('It takes a number of events a second, such as 200 or 0.5.')
  return rate
}

/** @returns a fraction from 0 to 1, of `0.05` or of `5%`. */
export function parseShare(text: string): number {
  const [, digits = '', percent] = /^(\d{1,9}(?:\.\d+)?|\.\d+)(%?)$/.exec(text) ?? []
  const share = digits === '' ? Number.NaN : Number(digits) / (percent ? 100 : 1)
  if (!(share <= 1)) throw new InvalidArgumentError('It takes a share from 0 to 1, such as 0.05, or 5%.')
  return share
}

const unitMs = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 }

/** @returns milliseconds, of `30s`, `15m`, `1h` or `7d`. */
export function parseDuration(text: string): number {
  const [, digits, unit] = /^(\d{1,5})([smhd])$/.exec(text) ?? []
  if (digits === undefined || Number(digits) === 0) {
    throw new InvalidArgumentError('It takes a time span, such as 30s, 15m, 1h or 7d.')
  }
  return Number(digits) * unitMs[unit as keyof typeof unitMs]
}

const momentForm = /^(\d{4}-\d\d-(\d\d))(?:[T ](\d\d:\d\d(?::\d\d(?:\.\d{1,3})?)?)(Z|[+-]\d\d:\d\d)?)?$/i

/** @returns a time, of `2026-03-01`, of `2026-03-01T09:30` with a zone or in UTC, or of `2h`, which is two hours ago. */
export function parseMoment(text: string): Date {
  if (/^\d{1,5}[smhd]$/.test(text)) return new Date(Date.now() - parseDuration(text))
  const [, date, day, time = '00:00', zone = 'Z'] = momentForm.exec(text) ?? []
  const moment = new Date(`${date}T${time}${zone.toUpperCase()}`)
  // Date reads 30 February as 2 March. Postgres knows no year 0.
  const isDay = !date?.startsWith('0000') && new Date(`${date}T00:00Z`).getUTCDate() === Number(day)
  if (Number.isNaN(moment.getTime()) || !isDay) {
    throw new InvalidArgumentError(
      'It takes a time, such as 2026-03-01, 2026-03-01T09:30Z, or 2h for two hours ago.',
    )
  }
  return moment
}

/** @returns the UUID in lower case. */
export function parseUuid(text: string): string {
  if (!isUuid(text)) {
    throw new InvalidArgumentError('It takes a UUID, such as 1f048a84-ea6d-11ee-911b-078f7290bf52.')
  }
  return text.toLowerCase()
}

/** @returns `beginning`, `now`, or a text that looks like a cursor of the change feed. */
export function parsePlace(text: string): string {
  if (text !== 'beginning' && text !== 'now' && !/^\d+\.[0-9a-f.-]+$/.test(text)) {
    throw new InvalidArgumentError('It takes beginning, now, or a cursor as it was printed.')
  }
  return text
}

/** @returns the URL of an http or https endpoint, without credentials: it is shown. */
export function parseEndpoint(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (url?.protocol !== 'http:' && url?.protocol !== 'https:') {
    throw new InvalidArgumentError('It takes a URL that begins with http:// or https://.')
  }
  if (url.username !== '' || url.password !== '') {
    throw new InvalidArgumentError('It takes a URL without user name and password: see --secret.')
  }
  return url
}

/** @returns the URL that 8x8 is to post to: over HTTPS, or on this machine, because events hold phone numbers. */
export function parseWebhookUrl(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined
  const isSafe = url?.protocol === 'https:' || (url?.protocol === 'http:' && isLoopback(url.hostname))
  if (url === undefined || !isSafe) {
    throw new InvalidArgumentError(
      'It takes a URL that begins with https://, or with http:// on this machine.',
    )
  }
  if (url.username + url.password + url.hash !== '') {
    throw new InvalidArgumentError('It takes a URL without user name, password and fragment.')
  }
  return url
}

/** @returns the id of a sub-account of 8x8: it becomes a part of a path. */
export function parseSubAccount(text: string): string {
  if (!/^\w[\w.-]{0,99}$/.test(text)) {
    throw new InvalidArgumentError('It takes the id of a sub-account: letters, digits and _ . - alone.')
  }
  return text
}

/** Collects the values of an option that may be repeated. */
export function collect(value: string, previous: readonly string[] = []): string[] {
  return [...previous, value]
}
