import { readTraffic, type TrafficGroup, type TrafficRow } from '@vss-pipeline/reader'
import { displayCountOf } from '@vss-pipeline/runtime'
import type { Hono } from 'hono'
import { html } from 'hono/html'
import { count, decimal, duration, percent, time, visible } from '../format.ts'
import type { ConsoleEnv } from '../guards.ts'
import type { Markup } from '../layout.ts'
import { chart } from '../markup/chart.ts'
import { emptyNotice } from '../markup/notice.ts'
import { spanTabs } from '../markup/span-tabs.ts'
import { type Column, facts, table } from '../markup/table.ts'
import { createSharedAnswers } from '../shared-answers.ts'
import { readSpanName, type Span, type SpanName, spans } from '../span.ts'
import type { PageDeps } from './page-deps.ts'
import { filtersOfCell } from './session-filters.ts'

const hourMs = 3_600_000
const weekMs = 7 * 24 * hourMs
/** More rows would not be read: they are those with the most attempts. */
const mostRows = 100

/** The figures of a month take Postgres half a second, and the tabs of the page have most of them in common. */
const lastsMs = 30_000

/** The width of a bucket. An hour of traffic is shown by minutes. */
const buckets: Record<SpanName, { interval: string; ms: number }> = {
  hour: { interval: '5 minutes', ms: hourMs / 12 },
  day: { interval: '1 hour', ms: hourMs },
  week: { interval: '6 hours', ms: 6 * hourMs },
  month: { interval: '1 day', ms: 24 * hourMs },
}

const groups = { time: 'By time', country_pair: 'By country pair', sub_account: 'By sub-account' } as const
type By = keyof typeof groups

/** The figures of `vss.traffic`, beside those of a week before. Each row leads to its sessions. */
export function addTraffic(app: Hono<ConsoleEnv>, deps: PageDeps): void {
  const { pool, renderPage, nowMs } = deps
  const figures = createSharedAnswers<TrafficRow[]>({ nowMs })
  app.get('/traffic', async (c) => {
    const name = readSpanName(c.req.query('span'), 'day')
    const by = readBy(c.req.query('by'))
    const account = (c.req.query('account') ?? '').slice(0, 255)
    const span = wholeBuckets(name, nowMs())
    const before = {
      since: new Date(span.since.getTime() - weekMs),
      until: new Date(span.until.getTime() - weekMs),
    }
    const ofAccount = account === '' ? {} : { subAccount: account }
    const { interval } = buckets[name]
    const whole = '400 days'
    const read = (options: Parameters<typeof readTraffic>[1]) =>
      figures(JSON.stringify(options), lastsMs, () => readTraffic(pool, options))
    const [series, seriesBefore, [total], [totalBefore], rows] = await Promise.all([
      read({ ...span, bucket: interval, ...ofAccount }),
      read({ ...before, bucket: interval, ...ofAccount }),
      read({ ...span, bucket: whole, ...ofAccount }),
      read({ ...before, bucket: whole, ...ofAccount }),
      by === 'time' ? null : read({ ...span, bucket: whole, ...ofAccount, groupBy: by }),
    ])
    const shown = (rows ?? series.toReversed()).toSorted((one, other) =>
      rows ? other.attempts - one.attempts : 0,
    )
    return renderPage(c, {
      title: 'Traffic and quality',
      lead:
        account === ''
          ? 'Of all sub-accounts, by the start of the session.'
          : html`Of the sub-account <code>${visible(account)}</code>. <a href="/traffic?span=${name}">All sub-accounts</a>`,
      body: html`<div class="bar">${spanTabs('/traffic', name, { by, ...(account !== '' && { account }) })}${byTabs(by, name, account)}</div>
        ${totals(total!, totalBefore!)}
        ${
          total!.attempts === 0 && totalBefore!.attempts === 0
            ? emptyNotice('There was no call in this time.', 'Figures appear with the first session.')
            : html`${charts(series, seriesBefore, name)}
          <h2>${groups[by]}</h2>
          ${shown.length > mostRows ? html`<p class="hint">The first ${mostRows} of ${count(shown.length)}.</p>` : ''}
          ${table({ caption: `Traffic ${groups[by].toLowerCase()}`, columns: columnsOf(by, account), rows: shown.slice(0, mostRows) })}`
        }`,
    })
  })
}

function readBy(text: string | undefined): By {
  return text !== undefined && Object.hasOwn(groups, text) ? (text as By) : 'time'
}

/** The buckets that touch the stretch, so that each is a whole one, as `vss.traffic` keeps them. */
function wholeBuckets(name: SpanName, nowMs: number): Span {
  const { ms } = buckets[name]
  const until = Math.floor(nowMs / ms) * ms + ms
  return { since: new Date(until - spans[name].ms), until: new Date(until) }
}

function byTabs(current: By, span: SpanName, account: string): Markup {
  const links = Object.entries(groups).map(([by, words]) => {
    const query = new URLSearchParams({ span, by, ...(account !== '' && { account }) })
    return html`<li><a href="/traffic?${query}"${by === current ? html` aria-current="true"` : ''}>${words}</a></li>`
  })
  return html`<ul class="tabs" aria-label="Groups">${links}</ul>`
}

function totals(now: TrafficRow, before: TrafficRow): Markup {
  const tile = (name: string, value: string, was: string) =>
    html`<div class="tile"><span class="tile-name">${name}</span><strong>${value}</strong><span class="hint">${was} last week</span></div>`
  return html`<section class="tiles of-seven" aria-label="Totals">
    ${tile('Attempts', count(now.attempts), count(before.attempts))}
    ${tile('Answered (ASR)', percent(now.asr), percent(before.asr))}
    ${tile('Minutes', count(now.minutes), count(before.minutes))}
    ${tile('Call length (ACD)', duration(now.acdSeconds), duration(before.acdSeconds))}
    ${tile('MOS, worst tenth', decimal(now.mosP10, 2), decimal(before.mosP10, 2))}
    ${tile('Packet loss, p95', percent(now.packetLossP95, 2), percent(before.packetLossP95, 2))}
    ${tile('Jitter, p95', ms(now.jitterMsP95), ms(before.jitterMsP95))}
  </section>
  ${bands(now)}`
}

function ms(value: number | null): string {
  return value === null ? decimal(null, 0) : `${decimal(value, 0)} ms`
}

/** The shares of the quality bands as one bar. */
function bands(row: TrafficRow): Markup | string {
  if (row.measured === 0) return ''
  const shares = [
    ['excellent', row.shareExcellent],
    ['good', row.shareGood],
    ['fair', row.shareFair],
    ['poor', row.sharePoor],
    ['bad', row.shareBad],
  ] as const
  let from = 0
  const bars = shares.map(([band, share]) => {
    const bar = html`<rect class="band-${band}" x="${(from * 100).toFixed(2)}%" width="${((share ?? 0) * 100).toFixed(2)}%" height="12"/>`
    from += share ?? 0
    return bar
  })
  return html`<figure class="panel bands">
    <figcaption><strong>Quality</strong> <span>${displayCountOf(row.measured, 'session', 'sessions')} with a MOS</span></figcaption>
    <svg width="100%" height="12" aria-hidden="true">${bars}</svg>
    ${facts(shares.map(([band, share]) => [band, html`<span class="swatch band-${band}"></span>${percent(share)}`] as const))}
  </figure>`
}

function charts(series: readonly TrafficRow[], before: readonly TrafficRow[], name: SpanName): Markup {
  const times = series.map(({ bucketStart }) => bucketStart)
  const { interval } = buckets[name]
  const percentOf = (rows: readonly TrafficRow[]) => rows.map(({ asr }) => (asr === null ? null : asr * 100))
  return html`<div class="charts">
    ${chart({
      title: 'Attempts',
      summary: `per ${interval.replace(/^1 /, '')}`,
      times,
      series: [
        { label: 'attempts', tone: 'accent', values: series.map(({ attempts }) => attempts) },
        {
          label: 'a week before',
          tone: 'muted',
          values: before.map(({ attempts }) => attempts),
          isDashed: true,
        },
      ],
    })}
    ${chart({
      title: 'Answered',
      summary: 'of attempts (ASR)',
      times,
      unit: ' %',
      series: [
        { label: 'answered', tone: 'ok', values: percentOf(series) },
        { label: 'a week before', tone: 'muted', values: percentOf(before), isDashed: true },
      ],
    })}
  </div>`
}

function columnsOf(by: By, account: string): Column<TrafficRow>[] {
  return [
    {
      head: by === 'time' ? 'From (UTC)' : by === 'country_pair' ? 'Countries' : 'Sub-account',
      cell: (row) => nameOf(row, by),
    },
    { head: 'Attempts', isFigure: true, cell: (row) => attemptsOf(row, by, account) },
    { head: 'ASR', isFigure: true, cell: ({ asr }) => percent(asr) },
    { head: 'Minutes', isFigure: true, cell: ({ minutes }) => count(minutes) },
    { head: 'ACD', isFigure: true, cell: ({ acdSeconds }) => duration(acdSeconds) },
    { head: 'MOS', isFigure: true, cell: ({ mosAvg }) => decimal(mosAvg, 2) },
    { head: 'Worst tenth', isFigure: true, cell: ({ mosP10 }) => decimal(mosP10, 2) },
    {
      head: 'Poor, bad',
      isFigure: true,
      cell: (row) => (row.measured === 0 ? '–' : percent((row.sharePoor ?? 0) + (row.shareBad ?? 0))),
    },
    { head: 'Loss p95', isFigure: true, cell: ({ packetLossP95 }) => percent(packetLossP95, 2) },
    { head: 'Jitter p95', isFigure: true, cell: ({ jitterMsP95 }) => ms(jitterMsP95) },
  ]
}

function nameOf({ group, bucketStart }: TrafficRow, by: By): Markup | string {
  if (by === 'time') return time(bucketStart)
  if (by === 'country_pair') return visible(group ?? '')
  return html`<a href="/traffic?${new URLSearchParams({ account: group ?? '' })}">${visible(group ?? '')}</a>`
}

function attemptsOf(row: TrafficRow, by: TrafficGroup | 'time', account: string): Markup | string {
  if (row.attempts === 0) return '0'
  const sessions = filtersOfCell({
    since: row.bucketStart,
    until: row.bucketEnd,
    account: by === 'sub_account' ? (row.group ?? '') : account,
    ...(by === 'country_pair' && { route: row.group ?? '' }),
  })
  return html`<a href="${sessions}">${count(row.attempts)}</a>`
}
