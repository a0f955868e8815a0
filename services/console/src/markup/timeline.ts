import type { CallLegRow, SessionRow } from '@vss-pipeline/reader'
import { html } from 'hono/html'
import { duration, visible } from '../format.ts'
import type { Markup } from '../layout.ts'

interface Axis {
  readonly startMs: number
  readonly lengthMs: number
}

const rowPixels = 44
const axisPixels = 26
const steps = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1_800, 3_600, 7_200, 21_600, 86_400]

/**
 * Draws the legs of a session on one time axis: ringing, then talking, up to the end. Places are given in per cent as
 * attributes, which need no style.
 *
 * @returns null where no leg has two times to draw
 */
export function timeline(session: SessionRow, legs: readonly CallLegRow[]): Markup | null {
  const axis = axisOf(session, legs)
  if (axis === null) return null
  const height = legs.length * rowPixels + axisPixels
  const summary = legs.map((leg) => describeLeg(leg, axis)).join(' ')
  return html`<figure class="panel timeline">
    <figcaption><strong>Timeline</strong> <span>from ${new Date(axis.startMs).toISOString().slice(11, 23)} UTC, ${duration(axis.lengthMs / 1_000)} in all</span></figcaption>
    <ul class="legend">
      <li><span class="swatch ring"></span>rings</li>
      <li><span class="swatch talk"></span>connected</li>
    </ul>
    <svg width="100%" height="${height}" role="img" aria-label="${summary}">
      ${ticksOf(axis).map((atSeconds) => {
        const x = percentOf(axis, axis.startMs + atSeconds * 1_000)
        const anchor = atSeconds === 0 ? 'start' : 'middle'
        return html`<line class="grid" x1="${x}" x2="${x}" y1="0" y2="${height - axisPixels}"/>
        <text class="tick" x="${x}" y="${height - 8}" text-anchor="${anchor}">${tickText(atSeconds)}</text>`
      })}
      ${legs.map((leg, index) => drawLeg(leg, index * rowPixels, axis))}
    </svg>
  </figure>`
}

function axisOf(session: SessionRow, legs: readonly CallLegRow[]): Axis | null {
  const ofLegs = legs.flatMap(({ initiatedAt, connectedAt, disconnectedAt }) => [
    initiatedAt,
    connectedAt,
    disconnectedAt,
  ])
  const times = [session.startedAt, session.endedAt, ...ofLegs].flatMap((time) =>
    time === null ? [] : [Date.parse(time)],
  )
  const [startMs, endMs] = [Math.min(...times), Math.max(...times)]
  return legs.length > 0 && endMs > startMs ? { startMs, lengthMs: endMs - startMs } : null
}

/** At most eight, and none so near to the end that it would be cut off. */
function ticksOf({ lengthMs }: Axis): number[] {
  const seconds = lengthMs / 1_000
  const step = steps.find((size) => seconds / size <= 7) ?? Math.ceil(seconds / 7 / 86_400) * 86_400
  const count = Math.floor((seconds * 0.97) / step)
  return Array.from({ length: count + 1 }, (_, index) => index * step)
}

/** The steps are whole numbers of the larger unit. */
function tickText(seconds: number): string {
  if (seconds < 60) return `${seconds} s`
  return seconds < 3_600 ? `${seconds / 60} min` : `${seconds / 3_600} h`
}

function percentOf({ startMs, lengthMs }: Axis, timeMs: number): string {
  return `${(((timeMs - startMs) / lengthMs) * 100).toFixed(2)}%`
}

function drawLeg(leg: CallLegRow, top: number, axis: Axis): Markup {
  const { initiatedAt, connectedAt, disconnectedAt } = leg
  const bar = (kind: 'ring' | 'talk', from: string | null, to: string | null) => {
    if (from === null || to === null || to <= from) return ''
    const width = `${(((Date.parse(to) - Date.parse(from)) / axis.lengthMs) * 100).toFixed(2)}%`
    return html`<rect class="${kind}" x="${percentOf(axis, Date.parse(from))}" y="${top + 20}" width="${width}" height="16" rx="3"><title>${describeLeg(leg, axis)}</title></rect>`
  }
  return html`<text class="leg-name" x="0" y="${top + 14}">Leg ${visible(leg.leg)} · ${nameOf(leg)}</text>
    ${bar('ring', initiatedAt, connectedAt ?? disconnectedAt)}
    ${bar('talk', connectedAt, disconnectedAt)}`
}

function nameOf({ direction, status }: CallLegRow): string {
  return [direction, status]
    .flatMap((word) => (word === null ? [] : [visible(word.replaceAll('_', ' ').toLowerCase())]))
    .join(' · ')
}

function describeLeg(leg: CallLegRow, axis: Axis): string {
  const { initiatedAt, connectedAt, disconnectedAt } = leg
  const at = (time: string) => `${duration((Date.parse(time) - axis.startMs) / 1_000)}`
  const parts = [
    initiatedAt === null ? null : `begins at ${at(initiatedAt)}`,
    connectedAt === null ? 'is never connected' : `is connected at ${at(connectedAt)}`,
    disconnectedAt === null ? null : `ends at ${at(disconnectedAt)}`,
  ]
  return `Leg ${visible(leg.leg)} ${parts.filter((part) => part !== null).join(', ')}.`
}
