import { hexRows, markBody } from '@vss-pipeline/reader'
import type { Reason } from '@vss-pipeline/vss/vocabulary'
import { html } from 'hono/html'
import { visible } from '../format.ts'
import type { Markup } from '../layout.ts'
import type { Numbers } from '../numbers.ts'

const mostHexBytes = 512
const deepestIndent = 40

/**
 * A delivery's body as it was sent, a member a line, with the places marked for which it was rejected.
 *
 * @param options.body null for one that could not be read back from the queue
 */
export function bodyView(options: {
  body: Uint8Array | null
  reasons?: readonly Pick<Reason, 'path' | 'message'>[]
  numbers: Numbers
}): Markup {
  const { body, reasons, numbers } = options
  if (body === null)
    return html`<p class="hint">There is no body: its batch could not be read back from Redis.</p>`
  const marked = markBody(body, reasons)
  if (marked.kind === 'bytes') return hexView(marked.content, marked.isDamaged)
  const size = `${body.length.toLocaleString('en-US')} bytes as sent`
  const content = marked.isCompressed
    ? `${size}, compressed; ${marked.bytes.toLocaleString('en-US')} bytes of content.`
    : `${size}.`
  return html`<pre class="body" tabindex="0" aria-label="Body of the delivery">${marked.lines.map(
    ({ depth, text, note }) => {
      const code = '  '.repeat(Math.min(depth, deepestIndent)) + visible(numbers.showText(text))
      return note === null
        ? html`<span class="line">${code}\n</span>`
        : html`<span class="line marked"><mark>${code}</mark> <span class="note">← ${visible(note)}</span>\n</span>`
    },
  )}</pre>
  <p class="hint">${content}${marked.isCut ? ' The rest is not shown.' : ''}</p>`
}

function hexView(body: Uint8Array, isDamaged: boolean): Markup {
  const rows = hexRows(body, mostHexBytes)
  const why = isDamaged ? 'It is compressed, and damaged or too large' : 'It is not UTF-8'
  return html`<pre class="body" tabindex="0" aria-label="Body of the delivery, in hexadecimal digits">${rows.join('\n')}</pre>
  <p class="hint">${why}: its first bytes are shown as hexadecimal digits. ${body.length.toLocaleString('en-US')} bytes as sent.</p>`
}
