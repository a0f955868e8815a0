import { styleText } from 'node:util'
import { type DeliveryRow, hexRows, type MarkedBody, type MarkedLine, markBody } from '@vss-pipeline/reader'
import { displayCount } from '@vss-pipeline/runtime'
import { displayValue, indent, renderParagraph } from '../text.ts'

const deepestIndent = 20
const mostHexBytes = 256

/** A body for people, a member a line, with the places marked for which its delivery was rejected. */
export function renderBody(body: Uint8Array | null, reasons: DeliveryRow['reasons']): string {
  if (body === null) return indent('there is none: retention let it go, or its batch could not be read')
  const marked = markBody(body, reasons)
  if (marked.kind === 'bytes') return renderBytes(marked)
  const lines = marked.lines.map(renderLine)
  return [...lines, ...(marked.isCut ? [indent('the rest is not shown: see --json')] : [])].join('\n')
}

function renderLine({ depth, text, note }: MarkedLine): string {
  const indentColumns = 2 + 2 * Math.min(depth, deepestIndent)
  const code = renderParagraph(displayValue(text), { indentColumns })
  if (note === null) return code
  const marked = styleText('red', code.replace(/^ /, '>'), { stream: process.stdout })
  return `${marked}\n${renderParagraph(`^ ${displayValue(note)}`, { indentColumns })}`
}

function renderBytes({ isDamaged, content }: Extract<MarkedBody, { kind: 'bytes' }>): string {
  const rows = hexRows(content, mostHexBytes)
  const why = isDamaged ? 'it is compressed, and damaged or too large' : 'it is not UTF-8'
  return indent([`${why}: the first of its ${displayCount(content.length)} bytes`, ...rows].join('\n'))
}
