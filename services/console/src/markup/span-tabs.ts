import { html } from 'hono/html'
import type { Markup } from '../layout.ts'
import { type SpanName, spans } from '../span.ts'

/** Links to a page about each stretch of time. `rest` stays in the address. */
export function spanTabs(
  path: string,
  current: SpanName,
  rest: Readonly<Record<string, string>> = {},
): Markup {
  const links = Object.entries(spans).map(([name, { words }]) => {
    const query = new URLSearchParams({ ...rest, span: name })
    return html`<li><a href="${path}?${query}"${name === current ? html` aria-current="true"` : ''}>${words}</a></li>`
  })
  return html`<ul class="tabs" aria-label="Time">${links}</ul>`
}
