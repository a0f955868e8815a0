import { type DriftRow, readDrift } from '@vss-pipeline/reader'
import type { Anomaly } from '@vss-pipeline/vss'
import type { Hono } from 'hono'
import { html } from 'hono/html'
import { count, time, visible } from '../format.ts'
import type { ConsoleEnv } from '../guards.ts'
import { emptyNotice } from '../markup/notice.ts'
import { type Column, table } from '../markup/table.ts'
import { anomalyWords } from '../words.ts'
import type { PageDeps } from './page-deps.ts'

/** How events differ from the vendor's documentation. */
export function addDrift(app: Hono<ConsoleEnv>, deps: PageDeps): void {
  const { pool, renderPage } = deps
  app.get('/drift', async (c) => {
    const rows = await readDrift(pool)
    return renderPage(c, {
      title: 'Drift',
      lead: 'Fields, words and values that 8x8 sends and does not document, the latest first.',
      body:
        rows.length === 0
          ? emptyNotice('Events are as documented.', 'Nothing else has come since the database was made.')
          : table({ caption: 'Differences from the documentation', columns, rows }),
    })
  })
}

const columns: readonly Column<DriftRow>[] = [
  {
    head: 'Difference',
    cell: ({ kind }) =>
      html`<span class="codes">${visible(kind)}</span><span class="sub">${wordsOf(kind)}</span>`,
  },
  { head: 'Place', cell: ({ path }) => html`<code>${visible(path)}</code>` },
  { head: 'Word', cell: ({ value }) => (value === '' ? '' : html`<code>${visible(value)}</code>`) },
  { head: 'Deliveries', isFigure: true, cell: ({ deliveries }) => count(deliveries) },
  { head: 'First seen (UTC)', cell: ({ firstSeen }) => time(firstSeen) },
  { head: 'Last seen (UTC)', cell: ({ lastSeen }) => time(lastSeen) },
  {
    head: 'Sample',
    cell: ({ sampleDeliveryId }) => html`<a href="/deliveries/${sampleDeliveryId}">open</a>`,
  },
]

function wordsOf(kind: string): string {
  return kind === 'other'
    ? 'Differences that found no room in the table.'
    : (anomalyWords[kind as Anomaly] ?? '')
}
