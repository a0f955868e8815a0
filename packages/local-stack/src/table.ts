import { styleText } from 'node:util'

/** Renders rows as an aligned table under a title. A missing value is a dash, numbers are aligned to the right. */
export function renderTable(title: string, rows: Record<string, unknown>[]): string {
  const columns = Object.keys(rows[0] ?? {})
  const cells = rows.map((row) => columns.map((column) => textOf(row[column])))
  const widths = columns.map((column, index) =>
    Math.max(column.length, ...cells.map((row) => row[index]!.length)),
  )
  const isNumeric = columns.map((column) => rows.some((row) => typeof row[column] === 'number'))
  const renderRow = (row: string[]) =>
    `  ${row
      .map((cell, index) => (isNumeric[index] ? cell.padStart(widths[index]!) : cell.padEnd(widths[index]!)))
      .join('  ')
      .trimEnd()}`
  return [
    styleText('bold', title, { stream: process.stdout }),
    styleText('dim', renderRow(columns), { stream: process.stdout }),
    ...cells.map(renderRow),
  ].join('\n')
}

function textOf(value: unknown): string {
  if (value === null || value === undefined || value === '') return '-'
  if (Array.isArray(value)) return value.map(textOf).join(' ') || '-'
  if (typeof value === 'boolean') return value ? 'yes' : 'no'
  return String(value)
}
