import { html } from 'hono/html'
import type { Markup } from './layout.ts'

const dash = '–'

/** `1,204`; a dash for null. */
export function count(value: number | null): string {
  return value === null ? dash : Math.round(value).toLocaleString('en-US')
}

/** `3.45` with so many decimals; a dash for null. */
export function decimal(value: number | null, decimals: number): string {
  return value === null ? dash : value.toFixed(decimals)
}

/** `61.3 %` of a fraction; a dash for null. */
export function percent(fraction: number | null, decimals = 1): string {
  return fraction === null ? dash : `${(fraction * 100).toFixed(decimals)} %`
}

/** `2 d 4 h`, `1 h 5 min`, `2 min 5 s`, `12.3 s`, `850 ms`; a dash for null. */
export function duration(seconds: number | null): string {
  if (seconds === null || !Number.isFinite(seconds)) return dash
  if (seconds < 0) return `−${duration(-seconds)}`
  if (seconds === 0) return '0 s'
  if (seconds < 1) return `${Math.round(seconds * 1_000)} ms`
  if (seconds < 60) return `${trimZero(seconds.toFixed(1))} s`
  const units = [
    [86_400, 'd'],
    [3_600, 'h'],
    [60, 'min'],
    [1, 's'],
  ] as const
  const whole = Math.round(seconds)
  const first = units.findIndex(([size]) => whole >= size)
  const [size, name] = units[first]!
  const rest = units[first + 1]
  const larger = `${Math.floor(whole / size)} ${name}`
  const smaller = rest === undefined ? 0 : Math.floor((whole % size) / rest[0])
  return smaller === 0 ? larger : `${larger} ${smaller} ${rest![1]}`
}

function trimZero(text: string): string {
  return text.replace(/\.0$/, '')
}

/** A time in UTC, `2026-03-01 10:02:00`, that machines read as well; a dash for null. */
export function time(iso: string | null): Markup | string {
  if (iso === null) return dash
  return html`<time datetime="${iso}">${iso.slice(0, 19).replace('T', ' ')}</time>`
}

/** `12 deliveries`, `1 delivery`. */
export function counted(value: number, singular: string, plural: string): string {
  return `${count(value)} ${value === 1 ? singular : plural}`
}

/** A text of somebody else's: what controls a terminal, or reorders letters, is shown as its escape. */
export function visible(text: string): string {
  return text
    .toWellFormed()
    .replace(
      /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu,
      (char) => `\\u${char.codePointAt(0)!.toString(16).padStart(4, '0')}`,
    )
}

/** {@link visible}, or a dash where there is nothing. */
export function textOrDash(text: string | number | null): string {
  return text === null || text === '' ? dash : visible(String(text))
}
