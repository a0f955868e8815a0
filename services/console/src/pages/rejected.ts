import {
  findRejected,
  mostGrouped,
  type RejectedGroup,
  type RejectedRow,
  readBodies,
  readRejectedGroups,
} from '@vss-pipeline/reader'
import { displayCountOf } from '@vss-pipeline/runtime'
import type { ReasonCode } from '@vss-pipeline/vss'
import type { Hono } from 'hono'
import { html } from 'hono/html'
import { count, time, visible } from '../format.ts'
import type { ConsoleEnv } from '../guards.ts'
import type { Markup } from '../layout.ts'
import { badge } from '../markup/badge.ts'
import { bodyView } from '../markup/body.ts'
import { chart } from '../markup/chart.ts'
import { emptyNotice } from '../markup/notice.ts'
import { spanTabs } from '../markup/span-tabs.ts'
import { type Column, table } from '../markup/table.ts'
import { clearNumbers, maskedNumbers, type Numbers } from '../numbers.ts'
import { reprocessPanel } from '../reprocess/panel.ts'
import { readSpanName, type SpanName, spanEndingNow, spans } from '../span.ts'
import { reasonWords } from '../words.ts'
import type { PageDeps } from './page-deps.ts'

const bucketSeconds: Record<SpanName, number> = { hour: 60, day: 1_800, week: 4 * 3_600, month: 86_400 }
const sampleRows = 10

/** The deliveries that could not become rows: by reason and place over time, and a group's samples with their bodies. */
export function addRejected(app: Hono<ConsoleEnv>, deps: PageDeps): void {
  const { pool, renderPage, numbersMode, nowMs } = deps
  const numbers = numbersMode === 'shown' ? clearNumbers : maskedNumbers

  app.get('/rejected', async (c) => {
    const name = readSpanName(c.req.query('span'), 'week')
    const span = spanEndingNow(name, nowMs())
    const { groups, buckets, isCut } = await readRejectedGroups(pool, {
      ...span,
      bucketSeconds: bucketSeconds[name],
    })
    const total = groups.reduce((sum, { deliveries }) => sum + deliveries, 0)
    const summary = `${displayCountOf(total, 'delivery', 'deliveries')} in the ${spans[name].words}`
    return renderPage(c, {
      title: 'Rejected',
      lead: 'Deliveries that could not become a row. Nothing of them is lost: each is in the ledger with its body.',
      body: html`${spanTabs('/rejected', name)}
        ${isCut ? html`<div class="notice warn"><p>There are more: these are the latest ${count(mostGrouped)}.</p></div>` : ''}
        ${
          total === 0
            ? emptyNotice(
                `Nothing was rejected in the ${spans[name].words}.`,
                'Every delivery became a row, or repeated one.',
              )
            : html`${chart({
                title: 'Rejected deliveries',
                summary,
                times: buckets.map(({ at }) => at),
                series: [
                  { label: 'rejected', tone: 'bad', values: buckets.map(({ deliveries }) => deliveries) },
                ],
                kind: 'bars',
              })}
              ${await reprocessPanel(c, deps, { fields: { span: name }, words: `Reprocess all of the ${spans[name].words}` })}
              ${table({ caption: 'Rejected deliveries by reason and place', columns: groupColumns(name, total), rows: groups })}`
        }`,
    })
  })

  app.get('/rejected/:code', async (c) => {
    const { code } = c.req.param()
    const path = (c.req.query('path') ?? '').slice(0, 500)
    const name = readSpanName(c.req.query('span'), 'week')
    const before = c.req.query('before')
    const isPage = before !== undefined && /^[\da-f-]{36}$/.test(before)
    const rows = await findRejected(pool, {
      ...spanEndingNow(name, nowMs()),
      code,
      path,
      ...(isPage && { before }),
      limit: sampleRows + 1,
    })
    const shown = rows.slice(0, sampleRows)
    const bodies = await readBodies(
      pool,
      shown.map(({ deliveryId }) => deliveryId),
    )
    const older =
      rows.length > sampleRows ? olderLink({ code, path, name, before: shown.at(-1)!.deliveryId }) : ''
    return renderPage(c, {
      title: reasonWords[code as ReasonCode] ?? 'Rejected',
      lead: html`<span class="codes">${visible(code)}</span> ${path === '' ? '' : html`at <code>${visible(path)}</code>`} in the ${spans[name].words}, the latest first`,
      body:
        shown.length === 0
          ? emptyNotice(
              'There is no such delivery.',
              html`<a href="/rejected?span=${name}">All that was rejected</a>`,
            )
          : html`${await reprocessPanel(c, deps, {
              fields: { span: name, code, path },
              words: 'Reprocess all of this group',
              reasons: [code],
            })}
            <ul class="plain">${shown.map((row, index) => sample(row, bodies.get(row.deliveryId) ?? null, numbers, index === 0))}</ul>${older}`,
    })
  })
}

function groupColumns(name: SpanName, total: number): Column<RejectedGroup>[] {
  return [
    {
      head: 'Reason',
      cell: ({ code, path }) =>
        html`<a href="/rejected/${encodeURIComponent(code)}?${new URLSearchParams({ path, span: name })}">${reasonWords[code as ReasonCode] ?? visible(code)}</a><span class="sub codes">${visible(code)}</span>`,
    },
    {
      head: 'Place',
      cell: ({ path }) => (path === '' ? 'the body as a whole' : html`<code>${visible(path)}</code>`),
    },
    { head: 'Deliveries', isFigure: true, cell: ({ deliveries }) => count(deliveries) },
    {
      head: 'Share',
      isFigure: true,
      cell: ({ deliveries }) => `${Math.round((deliveries / total) * 100)} %`,
    },
    { head: 'First (UTC)', cell: ({ firstAt }) => time(firstAt) },
    { head: 'Last (UTC)', cell: ({ lastAt }) => time(lastAt) },
  ]
}

function sample(row: RejectedRow, body: Uint8Array | null, numbers: Numbers, isOpen: boolean): Markup {
  const { deliveryId, receivedAt, sourceIp, reasons } = row
  return html`<li><details class="panel delivery"${isOpen ? html` open` : ''}>
    <summary>${badge('rejected', 'bad')} ${time(receivedAt)} <span class="hint">${sourceIp === null ? '' : `from ${sourceIp} `}${reasons.map(({ message }) => visible(message)).join('; ')}</span></summary>
    <p class="hint">Delivery <a href="/deliveries/${deliveryId}"><code>${deliveryId}</code></a></p>
    ${bodyView({ body, reasons, numbers })}
  </details></li>`
}

function olderLink(page: { code: string; path: string; name: SpanName; before: string }): Markup {
  const { code, path, name, before } = page
  const query = new URLSearchParams({ path, span: name, before })
  return html`<p><a class="button" href="/rejected/${encodeURIComponent(code)}?${query}">Older</a></p>`
}
