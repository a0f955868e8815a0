import { html } from 'hono/html'
import type { Markup } from '../layout.ts'

export interface Series {
  readonly label: string
  /** One of the colours of console.css: `ok`, `warn`, `bad`, `accent`, `muted`. */
  readonly tone: 'ok' | 'warn' | 'bad' | 'accent' | 'muted'
  readonly values: readonly (number | null)[]
  readonly isDashed?: boolean
}

/**
 * A chart over time, which console.js draws from the data in it. Without script, and for screen readers, the summary
 * stands for it.
 *
 * @param options.times the times of the values, ISO 8601
 * @param options.unit is shown behind each value, such as `%`
 */
export function chart(options: {
  title: string
  summary: string
  times: readonly string[]
  series: readonly Series[]
  unit?: string
  kind?: 'bars' | 'lines'
}): Markup {
  const { title, summary, times, series, unit = '', kind = 'lines' } = options
  const data = JSON.stringify({ times: times.map((time) => Date.parse(time) / 1_000), series, unit, kind })
  return html`<figure class="panel chart">
    <figcaption><strong>${title}</strong> <span>${summary}</span></figcaption>
    <div class="plot" hx-morph-skip-children data-chart="${data}" role="img" aria-label="${title}: ${summary}"></div>
  </figure>`
}
