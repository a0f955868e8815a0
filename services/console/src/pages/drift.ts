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
      html`<span class="codes">${visible(kind)}</span><span class="sub sentence">${wordsOf(kind)}</span>`,
  },
  {
    head: 'Place, and word',
    cell: ({ path, value, sampleDeliveryId }) =>
      html`<a href="/deliveries/${sampleDeliveryId}" title="A delivery with it">${path === '' ? 'a delivery' : html`<code>${visible(path)}</code>`}</a>
      ${value === '' ? '' : html`<span class="sub"><code>${visible(value)}</code></span>`}`,
  },
  { head: 'Deliveries', isFigure: true, cell: ({ deliveries }) => count(deliveries) },
  {
    head: 'Last seen (UTC)',
    cell: ({ firstSeen, lastSeen }) =>
      html`${time(lastSeen)}<span class="sub">first ${time(firstSeen)}</span>`,
  },
]

function wordsOf(kind: string): string {
  return kind === 'other'
    ? 'Differences that found no room in the table.'
    : (anomalyWords[kind as Anomaly] ?? '')
}
