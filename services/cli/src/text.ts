import { stripVTControlCharacters, styleText } from 'node:util'

/** Rows of cells as lines, each column as wide as its widest cell, two spaces apart. Cells may be coloured. */
export function alignColumns(
  rows: readonly (readonly string[])[],
  options: { rightAligned?: readonly number[] } = {},
): string {
  const { rightAligned = [] } = options
  const widths: number[] = []
  for (const row of rows) {
    row.forEach((cell, column) => {
      widths[column] = Math.max(widths[column] ?? 0, widthOf(cell))
    })
  }
  const lines = rows.map((row) =>
    row
      .map((cell, column) => {
        const padding = ' '.repeat(widths[column]! - widthOf(cell))
        return rightAligned.includes(column) ? padding + cell : cell + padding
      })
      .join('  ')
      .trimEnd(),
  )
  return lines.join('\n')
}

function widthOf(cell: string): number {
  return [...stripVTControlCharacters(cell)].length
}

/** Puts two spaces before every line. */
export function indent(text: string): string {
  return text.replace(/^/gm, '  ')
}

/**
 * A stored value as text. Senders choose what many of them say: whatever could steer a terminal or reorder its
 * text is shown as `\u....`.
 */
export function displayValue(value: unknown): string {
  if (value === null || value === undefined) return '-'
  if (Array.isArray(value)) return value.length === 0 ? '-' : value.map(displayValue).join(', ')
  return String(value).replace(
    /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu,
    (char) => `\\u${char.codePointAt(0)!.toString(16).padStart(4, '0')}`,
  )
}

/**
 * A value as JSON for programs, which a terminal may show all the same: what could steer it or reorder its text is
 * written as `\u....`, which says the same to a program.
 */
export function displayJson(value: unknown): string {
  // What JSON.stringify leaves of control characters: the line breaks between its lines, and DEL to U+009F in texts.
  return JSON.stringify(value, null, 2).replace(/[\u007f-\u009f\p{Cf}\p{Zl}\p{Zp}]/gu, (char) =>
    char
      .split('')
      .map((unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)
      .join(''),
  )
}

/** A count as people read it: `12,345`. */
export function displayCount(count: number): string {
  return count.toLocaleString('en-US')
}

/** A heading on standard output: bold where that is a terminal. */
export function title(text: string): string {
  return styleText('bold', text, { stream: process.stdout })
}
