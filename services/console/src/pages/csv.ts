/** A text of a cell that a spreadsheet would take for a formula. A phone number with + is none. */
const formula = /^[=@\t\r]|^[+-](?!\d+(\.\d+)?$)/

/**
 * Writes rows as CSV of RFC 4180, with a line of names. A text that a spreadsheet would run as a formula gets an
 * apostrophe before it, because senders choose texts.
 */
export function writeCsv<Row>(
  rows: readonly Row[],
  columns: readonly (readonly [name: string, read: (row: Row) => unknown])[],
): string {
  const lines = [
    columns.map(([name]) => name),
    ...rows.map((row) => columns.map(([, read]) => toCell(read(row)))),
  ]
  return `${lines.map((cells) => cells.join(',')).join('\r\n')}\r\n`
}

function toCell(value: unknown): string {
  if (value === null || value === undefined) return ''
  const text = String(value)
  const safe = typeof value === 'string' && formula.test(text) ? `'${text}` : text
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe
}
