import { html } from 'hono/html'
import type { Markup } from '../layout.ts'

export interface Column<Row> {
  readonly head: string
  readonly cell: (row: Row) => Markup | string | number
  /** Figures stand at the right, so that their digits do. */
  readonly isFigure?: boolean
}

/** A table that scrolls sideways by itself where the screen is narrow. */
export function table<Row>(options: {
  /** Says to screen readers what the table is; it is not shown. */
  caption: string
  columns: readonly Column<Row>[]
  rows: readonly Row[]
}): Markup {
  const { caption, columns, rows } = options
  const classOf = ({ isFigure }: Column<Row>) => (isFigure ? html` class="figure"` : '')
  return html`<div class="table-frame" role="region" aria-label="${caption}" tabindex="0"><table>
    <caption class="unseen">${caption}</caption>
    <thead><tr>${columns.map((column) => html`<th scope="col"${classOf(column)}>${column.head}</th>`)}</tr></thead>
    <tbody>${rows.map(
      (row) =>
        html`<tr>${columns.map((column) => html`<td${classOf(column)}>${column.cell(row)}</td>`)}</tr>`,
    )}</tbody>
  </table></div>`
}

/** Names with values, such as the facts of a session. A value that is null is left out. */
export function facts(
  entries: readonly (readonly [name: string, value: Markup | string | number | null])[],
): Markup {
  const known = entries.filter(([, value]) => value !== null && value !== '')
  return html`<dl class="facts">${known.map(([name, value]) => html`<div><dt>${name}</dt><dd>${value}</dd></div>`)}</dl>`
}
