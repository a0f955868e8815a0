import { html } from 'hono/html'
import { textOrDash } from '../format.ts'
import type { Markup } from '../layout.ts'
import { type Tone, toneOfStatus } from '../words.ts'

/** A short word with a colour. The word alone tells everything. */
export function badge(text: string | null, tone: Tone): Markup {
  return html`<span class="badge ${tone}">${textOrDash(text)}</span>`
}

/** A status as words: `no answer` of `NO_ANSWER`. */
export function statusBadge(status: string | null): Markup {
  return badge(status === null ? null : status.replaceAll('_', ' ').toLowerCase(), toneOfStatus(status))
}
