import { stripVTControlCharacters, styleText } from 'node:util'
import { displayCount } from '@vss-pipeline/runtime'

/** The width of all output for people. A terminal has it, unless someone made it wider. */
const terminalColumns = 80
/** A longer value, such as a text of 60 KB, would push the rest off the screen. */
const maxValueLines = 8

/** Fields as indented lines, with the values in a column. A long value takes several lines. */
export function renderFields(fields: readonly (readonly [label: string, value: string])[]): string {
  const labelColumns = Math.max(...fields.map(([label]) => widthOf(label)))
  const rows = fields.flatMap(([label, value]) =>
    wrapValue(value, terminalColumns - labelColumns - 4).map((line, index) => [
      index === 0 ? label : '',
      line,
    ]),
  )
  return indent(alignColumns(rows))
}

/** A text as indented lines that fit the terminal. */
export function renderParagraph(text: string, options: { indentColumns: number }): string {
  const { indentColumns } = options
  return indent(wrapValue(text, terminalColumns - indentColumns).join('\n'), indentColumns)
}

/** Breaks a value into lines. Where they are too many, the last one says how long the value is. */
function wrapValue(value: string, columns: number): string[] {
  const lines = wrap(value, columns)
  if (lines.length <= maxValueLines) return lines
  return [...lines.slice(0, maxValueLines - 1), `… ${displayCount(value.length)} characters: see --json`]
}

/** Breaks a text at its spaces, and within words that are longer than a line. */
function wrap(text: string, columns: number): string[] {
  const lines: string[] = []
  let line: string | undefined
  for (const word of text.split(' ')) {
    const longerLine: string = line === undefined ? word : `${line} ${word}`
    if (widthOf(longerLine) <= columns) {
      line = longerLine
      continue
    }
    if (line !== undefined) lines.push(line)
    const pieces = breakWord(word, columns)
    line = pieces.pop()
    lines.push(...pieces)
  }
  return [...lines, line!]
}

/** Breaks a word into pieces of one length, because the halves of a hash are easy to compare. */
function breakWord(word: string, columns: number): string[] {
  const width = widthOf(word)
  const pieceColumns = Math.ceil(width / Math.ceil(width / columns))
  const pieces: string[] = []
  let piece = ''
  let pieceWidth = 0
  for (const char of word) {
    const charWidth = widthOf(char)
    if (pieceWidth + charWidth > pieceColumns) {
      pieces.push(piece)
      piece = ''
      pieceWidth = 0
    }
    piece += char
    pieceWidth += charWidth
  }
  return [...pieces, piece]
}

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

/** Rows of cells under a head. The options are those of {@link alignColumns}. */
export function renderTable(
  head: readonly string[],
  rows: readonly (readonly string[])[],
  options: { rightAligned?: readonly number[] } = {},
): string {
  const [first = '', ...rest] = alignColumns([head, ...rows], options).split('\n')
  return [title(first), ...rest].join('\n')
}

/** Characters to which a terminal gives two columns: Chinese, Japanese, Korean and emoji. */
const wideCharacters =
  /[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff01-\uff60\uffe0-\uffe6\u{20000}-\u{3ffff}]|\p{Emoji_Presentation}/gu
const combiningMarks = /[\p{Mn}\p{Me}]/gu

/** How many columns of a terminal a text takes. */
function widthOf(text: string): number {
  return stripVTControlCharacters(text)
    .replace(combiningMarks, '')
    .replace(wideCharacters, '  ')
    .replace(/[\u{10000}-\u{10ffff}]/gu, ' ').length
}

/** Cuts a text that takes more columns than that. */
export function shorten(text: string, columns: number): string {
  if (widthOf(text) <= columns) return text
  let short = ''
  for (const char of text) {
    if (widthOf(short + char) > columns - 1) break
    short += char
  }
  return `${short}…`
}

/** Puts spaces before every line. */
export function indent(text: string, columns = 2): string {
  return text.replace(/^/gm, ' '.repeat(columns))
}

/**
 * A stored value as text. Many values come from senders, so characters that could control a terminal or reorder its text
 * are shown as `\u....`.
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
 * A value as JSON for programs. A terminal may show it as well, so characters that could control it or reorder its text
 * are written as `\u....`, which means the same to a program.
 */
export function displayJson(value: unknown): string {
  return escapeJson(JSON.stringify(value, null, 2))
}

/** Does what {@link displayJson} does, on one line. */
export function displayJsonLine(value: unknown): string {
  return escapeJson(JSON.stringify(value))
}

function escapeJson(json: string): string {
  // JSON.stringify escapes the control characters up to U+001F. Those from DEL to U+009F are left.
  return json.replace(/[\u007f-\u009f\p{Cf}\p{Zl}\p{Zp}]/gu, (char) =>
    char
      .split('')
      .map((unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)
      .join(''),
  )
}

/** A heading for standard output: bold where that is a terminal. */
export function title(text: string): string {
  return styleText('bold', text, { stream: process.stdout })
}

/** A time in ISO 8601 without its milliseconds. */
export function toSeconds(time: string): string {
  return time.replace(/\.\d+Z$/, 'Z')
}
