import { decompressed, type Reason } from '@vss-pipeline/vss/vocabulary'
import { html } from 'hono/html'
import { visible } from '../format.ts'
import { findJsonBreak } from '../json-break.ts'
import { findLine, findLineAt, type JsonLine, linesOfJson } from '../json-lines.ts'
import type { Markup } from '../layout.ts'
import type { Numbers } from '../numbers.ts'

/** A page shows no more of a body. Events of the vendor's have 2 KB and 60 lines. */
const most = { characters: 64 * 1024, lines: 1_000, hexBytes: 512 }

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
  const { body, reasons = [], numbers } = options
  if (body === null)
    return html`<p class="hint">There is no body: its batch could not be read back from Redis.</p>`
  const content = decompressed(body)
  const text = content === null ? null : utf8(content)
  if (content === null || text === null) return hexView(content ?? body, content === null)
  const shown = text.slice(0, most.characters)
  const lines = linesOfJson(shown, most.lines)
  const notes = notesOf(lines, text, reasons)
  const isCut = shown.length < text.length || lines.length >= most.lines
  return html`<pre class="body" tabindex="0" aria-label="Body of the delivery">${lines.map((line) => {
    const code = '  '.repeat(Math.min(line.depth, 40)) + visible(numbers.showText(line.text))
    const note = notes.get(line)
    return note === undefined
      ? html`<span class="line">${code}\n</span>`
      : html`<span class="line marked"><mark>${code}</mark> <span class="note">← ${visible(note)}</span>\n</span>`
  })}</pre>
  <p class="hint">${describe(body, content)}${isCut ? ' The rest is not shown.' : ''}</p>`
}

function utf8(bytes: Uint8Array): string | null {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch {
    return null
  }
}

function notesOf(
  lines: readonly JsonLine[],
  text: string,
  reasons: readonly Pick<Reason, 'path' | 'message'>[],
): Map<JsonLine, string> {
  const notes = new Map<JsonLine, string>()
  if (reasons.length === 0) return notes
  const breakOffset = findJsonBreak(text)
  for (const { path, message } of reasons) {
    const line = breakOffset === null ? findLine(lines, path) : findLineAt(lines, breakOffset)
    if (line === undefined) continue
    const known = notes.get(line)
    const note = path === '' || line.path === path ? message : `${path}: ${message}`
    notes.set(line, known === undefined ? note : `${known}; ${note}`)
  }
  return notes
}

function describe(sent: Uint8Array, content: Uint8Array): string {
  const bytes = `${sent.length.toLocaleString('en-US')} bytes as sent`
  return sent === content
    ? `${bytes}.`
    : `${bytes}, compressed; ${content.length.toLocaleString('en-US')} bytes of content.`
}

function hexView(body: Uint8Array, isDamaged: boolean): Markup {
  const rows: string[] = []
  for (let at = 0; at < Math.min(body.length, most.hexBytes); at += 16) {
    const hex = Buffer.from(body.subarray(at, at + 16)).toString('hex')
    rows.push(`${at.toString(16).padStart(4, '0')}  ${hex.replace(/(..)(?=.)/g, '$1 ')}`)
  }
  const why = isDamaged ? 'It is compressed, and damaged or too large' : 'It is not UTF-8'
  return html`<pre class="body" tabindex="0" aria-label="Body of the delivery, in hexadecimal digits">${rows.join('\n')}</pre>
  <p class="hint">${why}: its first bytes are shown as hexadecimal digits. ${body.length.toLocaleString('en-US')} bytes as sent.</p>`
}
