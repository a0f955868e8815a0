import type { RunningProcess } from '@vss-pipeline/queue'
import { describeReplica, ingestsOf, type OutcomeBucket, sumPosts } from '@vss-pipeline/reader'
import { displayBytes, displayCountOf } from '@vss-pipeline/runtime'
import type { Hono } from 'hono'
import { html, raw } from 'hono/html'
import { streamSSE } from 'hono/streaming'
import { count, decimal, duration, time, visible } from '../format.ts'
import type { ConsoleEnv } from '../guards.ts'
import type { Markup } from '../layout.ts'
import { chartBuckets, createLive, type LiveState } from '../live.ts'
import { badge } from '../markup/badge.ts'
import { chart } from '../markup/chart.ts'
import { spanTabs } from '../markup/span-tabs.ts'
import { type Column, table } from '../markup/table.ts'
import { readSpanName, type SpanName, spans } from '../span.ts'
import type { PageDeps } from './page-deps.ts'

/** Whether records flow, in words and figures. Browsers keep a stream open, by which the page follows. */
export function addOverview(app: Hono<ConsoleEnv>, deps: PageDeps): void {
  const { renderPage, nowMs } = deps
  const live = createLive(deps)

  /** The page's live part as text. All who look at the same state and stretch share one. */
  const texts = new Map<SpanName, { state: LiveState; text: Promise<string> }>()

  function show(state: LiveState, span: SpanName): Promise<string> {
    const known = texts.get(span)
    if (known?.state === state) return known.text
    const text = live
      .chartOf(span)
      .then(async (buckets) => String(await overview(state, { span, buckets, nowMs: nowMs() })))
    texts.set(span, { state, text })
    return text
  }

  app.get('/', async (c) => {
    const span = readSpanName(c.req.query('span'), 'hour')
    const text = await show(await live.current(), span)
    return renderPage(c, {
      title: 'Overview',
      body: html`<div id="live" data-hx-sse:connect="/live?span=${span}" data-hx-swap="innerMorph">${raw(text)}</div>`,
    })
  })

  app.get('/live', (c) => {
    const span = readSpanName(c.req.query('span'), 'hour')
    return streamSSE(c, async (stream) => {
      const ended = Promise.withResolvers<void>()
      const stop = live.subscribe((state) => {
        // The visit may end while the page stays open.
        if (nowMs() > c.var.visit.endsAtMs) return ended.resolve()
        show(state, span).then((data) => stream.writeSSE({ data }), ended.resolve)
      })
      if (stop === null) return
      stream.onAbort(ended.resolve)
      await ended.promise
      stop()
    })
  })
}

function overview(
  state: LiveState,
  page: { span: SpanName; buckets: readonly OutcomeBucket[] | null; nowMs: number },
): Markup {
  const { verdict, databaseProblem, redisProblem, readAtMs } = state
  const { replica } = state.facts
  // The verdict of exit 1 is the first of them.
  const findings = state.findings.slice(verdict.exit === 1 ? 1 : 0)
  const tone = { ok: 'ok', warning: 'warn', error: 'bad' }[verdict.level]
  return html`<section class="notice verdict ${tone}" role="status">
      <p>${verdict.text}</p>
      ${redisProblem === null ? '' : html`<p class="hint">Redis says: ${visible(redisProblem)}</p>`}
      ${databaseProblem === null ? '' : html`<p class="hint">Postgres says: ${visible(databaseProblem)}</p>`}
    </section>
    ${tiles(state, page.nowMs)}
    <div class="bar">${spanTabs('/', page.span)}<p class="hint">as of ${time(new Date(readAtMs).toISOString())} UTC${replica == null ? '' : `, from a replica ${describeReplica(replica)}`}</p></div>
    ${page.buckets === null ? '' : deliveriesChart(page.buckets, page.span)}
    ${
      findings.length === 0
        ? ''
        : html`<h2>${verdict.exit === 1 ? 'Also' : 'Findings'}</h2><ul class="plain">${findings.map(
            ({ level, text, remedy }) =>
              html`<li class="panel ${level === 'error' ? 'bad-edge' : 'warn-edge'}">${visible(text)}.<span class="sub">To do: ${remedy}.</span></li>`,
          )}</ul>`
    }
    ${processesView(state, page.nowMs)}`
}

function tiles({ facts, receiptToRow }: LiveState, nowMs: number): Markup {
  const { outcomes, queue, processes, completeUntil } = facts
  const aSecond = (deliveries: number | undefined) =>
    deliveries === undefined ? '–' : decimal(deliveries / 300, deliveries >= 3_000 ? 0 : 2)
  const five = outcomes?.lastFiveMinutes
  const posts = processes && sumPosts(processes)
  const spools = processes && ingestsOf(processes).flatMap(({ spool }) => (spool === null ? [] : [spool]))
  const spooled = spools?.reduce((sum, { deliveries }) => sum + deliveries, 0)
  const spoolBytes = spools?.reduce((sum, { bytes }) => sum + bytes, 0)
  const at = completeUntil?.at ?? null
  return html`<section class="tiles of-eight" aria-label="Figures">
    ${tile('Accepted, last hour', posts === undefined ? '–' : count(posts.accepted), describeRefused(posts?.refused))}
    ${tile('Stored a second', aSecond(five?.stored), 'over 5 minutes')}
    ${tile('Duplicate a second', aSecond(five && five.duplicate + five.superseded), 'or superseded')}
    ${tile('Rejected a second', aSecond(five?.rejected), outcomes === undefined ? '' : html`<a href="/rejected?span=hour">${count(outcomes.lastHour.rejected)} in the last hour</a>`)}
    ${tile('Waiting', queue === undefined ? '–' : count(queue.deliveries), queue === undefined ? '' : html`<a href="/queue">${queue.deliveries === 0 ? 'nothing is late' : `the oldest for ${duration(queue.oldestWaitingSeconds)}`}</a>`)}
    ${tile('Receipt to row, p50', duration(receiptToRow?.p50Seconds ?? null), html`p99 ${duration(receiptToRow?.p99Seconds ?? null)}`)}
    ${tile('In spools', spooled === undefined ? '–' : count(spooled), spools?.length === 0 ? 'no ingest has a spool' : spoolBytes === undefined ? '' : displayBytes(spoolBytes))}
    ${tile('Complete until', at === null ? '–' : at.slice(11, 19), at === null ? (completeUntil?.reason ?? '') : `${duration(Math.max(0, nowMs - Date.parse(at)) / 1_000)} ago`)}
  </section>`
}

function tile(name: string, value: string, hint: Markup | string): Markup {
  return html`<div class="tile"><span class="tile-name">${name}</span><strong>${value}</strong><span class="hint">${hint}</span></div>`
}

function describeRefused(refused: Record<string, number> | undefined): string {
  if (refused === undefined) return ''
  const total = Object.values(refused).reduce((sum, posts) => sum + posts, 0)
  return total === 0 ? 'none refused' : `${displayCountOf(total, 'POST', 'POSTs')} refused`
}

function deliveriesChart(buckets: readonly OutcomeBucket[], span: SpanName): Markup {
  const valuesOf = (outcome: 'stored' | 'duplicate' | 'superseded' | 'rejected') =>
    buckets.map((bucket) => bucket[outcome])
  const repeated = valuesOf('superseded').map((superseded, index) => superseded + buckets[index]!.duplicate)
  return chart({
    title: 'Deliveries',
    summary: `per ${chartBuckets[span].words}, ${spans[span].words}`,
    times: buckets.map(({ at }) => at),
    // The last one is drawn above the others, where several are 0.
    series: [
      { label: 'rejected', tone: 'bad', values: valuesOf('rejected') },
      { label: 'duplicate or superseded', tone: 'muted', values: repeated },
      { label: 'stored', tone: 'accent', values: valuesOf('stored') },
    ],
  })
}

function processesView({ facts }: LiveState, nowMs: number): Markup | string {
  const { processes } = facts
  if (processes === undefined) return ''
  const order = ['ingest', 'worker', 'console']
  const running = processes.running.toSorted(
    (one, other) =>
      order.indexOf(one.service) - order.indexOf(other.service) || one.startedAtMs - other.startedAtMs,
  )
  const columns: readonly Column<RunningProcess>[] = [
    { head: 'Process', cell: ({ service }) => html`<strong>${service}</strong>` },
    { head: 'Place', cell: ({ place }) => visible(place) },
    { head: 'Release', cell: ({ version }) => visible(version) },
    {
      head: 'Runs for',
      isFigure: true,
      cell: ({ startedAtMs, clockMs }) => duration(Math.max(0, clockMs - startedAtMs) / 1_000),
    },
    {
      head: 'Last word',
      isFigure: true,
      cell: ({ toldAtMs }) => `${duration(Math.max(0, processes.nowMs - toldAtMs) / 1_000)} ago`,
    },
    { head: 'State', cell: stateOf },
  ]
  return html`<h2>Processes</h2>
    ${table({ caption: 'Processes that run', columns, rows: running })}
    ${processes.unreadable === 0 ? '' : html`<p class="hint">${displayCountOf(processes.unreadable, 'process tells', 'processes tell')} in a way that this release cannot read.</p>`}
    <p class="unseen">As of ${new Date(nowMs).toISOString()}</p>`
}

function stateOf(process: RunningProcess): Markup {
  if (process.service === 'worker' && process.isDatabaseThere === false)
    return badge('cannot write to Postgres', 'bad')
  if (process.service === 'ingest' && process.spool !== null && process.spool.deliveries > 0) {
    return badge(`${count(process.spool.deliveries)} in its spool`, 'warn')
  }
  return badge('runs', 'ok')
}
