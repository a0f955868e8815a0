import { html } from 'hono/html'
import type { Markup } from '../layout.ts'
import type { Outage } from '../outage.ts'

/** The body of a page that cannot be shown now; null is a bug of ours. */
export function outageNotice(outage: Outage | null): Markup {
  if (outage === null) {
    return html`<div class="notice bad" role="alert"><p>It is an error of the console. Its log says more.</p></div>`
  }
  const { text, remedy } = outage
  return html`<div class="notice bad" role="alert">
    <p>${text}</p>
    <p><strong>To do:</strong> ${remedy}</p>
    <p class="hint">This page asks again every 5 seconds.</p>
  </div>`
}

/** Says that there is nothing to show, and why that may be. */
export function emptyNotice(title: string, text: Markup | string): Markup {
  return html`<div class="notice empty"><p class="empty-title">${title}</p><p>${text}</p></div>`
}
