import { displayCount, displaySpan } from '@vss-pipeline/runtime'
import { html } from 'hono/html'
import type { Markup } from './layout.ts'

const dash = '–'

/** `1,204`; a dash for null. */
export function count(value: number | null): string {
  return value === null ? dash : displayCount(Math.round(value))
}

/** `3.45` with so many decimals; a dash for null. */
export function decimal(value: number | null, decimals: number): string {
  return value === null ? dash : value.toFixed(decimals)
}

/** `61.3 %` of a fraction; a dash for null. */
export function percent(fraction: number | null, decimals = 1): string {
  return fraction === null ? dash : `${(fraction * 100).toFixed(decimals)} %`
}

/** `3 min 20 s`, `85 ms`; a dash for null. */
export function duration(seconds: number | null): string {
  if (seconds === null) return dash
  if (seconds < 0) return `−${duration(-seconds)}`
  if (seconds === 0) return '0 s'
  return seconds < 1 ? `${Math.ceil(seconds * 1_000)} ms` : displaySpan(seconds)
}

/** A time in UTC, `2026-03-01 10:02:00`, that machines read as well; a dash for null. */
export function time(iso: string | null): Markup | string {
  if (iso === null) return dash
  return html`<time datetime="${iso}">${iso.slice(0, 19).replace('T', ' ')}</time>`
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
