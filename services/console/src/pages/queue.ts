import { isUuid } from '@vss-pipeline/delivery'
import type { JobState, OpenedBatch, QueuedBatch, QueueStatus, ShardReading } from '@vss-pipeline/queue'
import { displayCountOf } from '@vss-pipeline/runtime'
import type { Hono } from 'hono'
import { html } from 'hono/html'
import { count, duration, textOrDash, time, visible } from '../format.ts'
import type { ConsoleEnv } from '../guards.ts'
import type { Markup } from '../layout.ts'
import { badge } from '../markup/badge.ts'
import { bodyView } from '../markup/body.ts'
import { emptyNotice } from '../markup/notice.ts'
import { type Column, facts, table } from '../markup/table.ts'
import { clearNumbers, maskedNumbers, type Numbers } from '../numbers.ts'
import type { Tone } from '../words.ts'
import type { PageDeps } from './page-deps.ts'

/** Of each state and shard. */
const shownBatches = 20
const shownDeliveries = 20

const states: readonly { state: JobState; title: string; tone: Tone }[] = [
  { state: 'failed', title: 'Failed: kept, because they could not be read', tone: 'bad' },
  { state: 'delayed', title: 'Delayed: they met a fault, and come again by themselves', tone: 'warn' },
  { state: 'active', title: 'In hand: a worker has them', tone: 'ok' },
  { state: 'waiting', title: 'Waiting for a worker', tone: 'muted' },
]

/** The batches in Redis. Each can be opened, also where a worker could not. */
export function addQueue(app: Hono<ConsoleEnv>, deps: PageDeps): void {
  const { queue, renderPage, numbersMode, nowMs } = deps

  app.get('/queue', async (c) => {
    const readings = await queue.readShards()
    const shards = readings.flatMap(({ shard, status }) => (status === null ? [] : [{ shard, ...status }]))
    const sections = await Promise.all(
      states.map(async ({ state, title, tone }) => {
        const lists = shards
          .filter(({ jobs }) => jobs[state] > 0)
          .map(({ shard }) => queue.readBatches({ shard, state, limit: shownBatches }))
        const batches = (await Promise.all(lists)).flat()
        if (batches.length === 0) return ''
        const total = shards.reduce((sum, { jobs }) => sum + jobs[state], 0)
        const caption = `${title}${total > batches.length ? `, ${count(batches.length)} of ${count(total)}` : ''}`
        return html`<h2>${badge(state, tone)} ${caption}</h2>
          ${table({ caption: title, columns: columnsAt(nowMs(), readings.length > 1), rows: batches })}`
      }),
    )
    return renderPage(c, {
      title: 'Queue',
      lead: describeDepth(shards),
      body: html`${table({ caption: 'Depth of the queue by shard', columns: shardColumns, rows: readings })}
        ${sections.every((section) => section === '') ? emptyNotice('Nothing waits.', 'Every delivery that was acknowledged is in the tables, or in a spool.') : sections}`,
    })
  })

  app.get('/queue/:shard/:id', async (c) => {
    const { shard, id } = c.req.param()
    const batch =
      /^\d{1,2}$/.test(shard) && isUuid(id) ? await queue.readBatch({ shard: Number(shard), id }) : null
    if (batch === null) {
      return renderPage(c, {
        title: 'No such batch',
        status: 404,
        body: emptyNotice('The batch has left the queue.', 'Its deliveries are in the tables by now.'),
      })
    }
    const numbers = numbersMode === 'shown' ? clearNumbers : maskedNumbers
    return renderPage(c, { title: 'Batch', lead: html`<code>${id}</code>`, body: batchView(batch, numbers) })
  })
}

function describeDepth(statuses: readonly QueueStatus[]): string {
  const deliveries = statuses.reduce((sum, status) => sum + status.deliveries, 0)
  const oldest = Math.max(...statuses.map((status) => status.oldestWaitingSeconds))
  if (deliveries === 0) return 'No delivery waits to be written.'
  return `${displayCountOf(deliveries, 'delivery waits', 'deliveries wait')} to be written, the oldest for ${duration(oldest)}.`
}

const shardColumns: readonly Column<ShardReading>[] = [
  {
    head: 'Shard',
    cell: ({ shard, status }) => (status === null ? html`${shard} ${badge('away', 'bad')}` : shard),
  },
  figure('Deliveries', ({ deliveries }) => count(deliveries)),
  figure('Oldest', ({ oldestWaitingSeconds }) => duration(oldestWaitingSeconds)),
  figure('Waiting', ({ jobs }) => count(jobs.waiting)),
  figure('In hand', ({ jobs }) => count(jobs.active)),
  figure('Delayed', ({ jobs }) => notable(jobs.delayed, 'warn')),
  figure('Failed', ({ jobs }) => notable(jobs.failed, 'bad')),
]

/** A figure of a shard; a dash where the shard does not answer. */
function figure(head: string, cell: (status: QueueStatus) => Markup | string): Column<ShardReading> {
  return { head, isFigure: true, cell: ({ status }) => (status === null ? '–' : cell(status)) }
}

function notable(jobs: number, tone: Tone): Markup | string {
  return jobs === 0 ? '0' : badge(count(jobs), tone)
}

function columnsAt(nowMs: number, hasShards: boolean): Column<QueuedBatch>[] {
  const shard: Column<QueuedBatch> = { head: 'Shard', cell: (batch) => batch.shard }
  return [
    {
      head: 'Batch',
      cell: (batch) => html`<a href="/queue/${batch.shard}/${batch.id}"><code>${batch.id}</code></a>`,
    },
    ...(hasShards ? [shard] : []),
    {
      head: 'Deliveries',
      isFigure: true,
      cell: ({ deliveryIds }) => (deliveryIds === null ? 'not readable' : count(deliveryIds.length)),
    },
    { head: 'Age', isFigure: true, cell: ({ oldestAt }) => duration((nowMs - Date.parse(oldestAt)) / 1_000) },
    { head: 'Faults', isFigure: true, cell: ({ attempts }) => count(attempts) },
    { head: 'Stalls', isFigure: true, cell: ({ stalls }) => count(stalls) },
    { head: 'Last fault', cell: ({ fault }) => (fault === null ? '' : shownFault(fault)) },
  ]
}

function shownFault(fault: string): string {
  return visible(maskedNumbers.showText(fault.slice(0, 300)))
}

function batchView(batch: OpenedBatch, numbers: Numbers): Markup {
  const { state, shard, oldestAt, attempts, stalls, fault, deliveryIds, deliveries } = batch
  const shown = deliveries?.slice(0, shownDeliveries) ?? []
  const more = (deliveries?.length ?? 0) - shown.length
  return html`<section class="panel">${facts([
    ['State', state],
    ['Shard', shard],
    ['Oldest delivery (UTC)', time(oldestAt)],
    ['Deliveries', deliveryIds === null ? 'not readable' : count(deliveryIds.length)],
    ['Faults', count(attempts)],
    ['Stalls', count(stalls)],
    ['Last fault', fault === null ? null : shownFault(fault)],
  ])}</section>
  ${deliveries === null ? html`<div class="notice bad"><p>The deliveries cannot be unpacked: their bytes are damaged, or another release wrote them.</p></div>` : ''}
  <ul class="plain">${shown.map(
    (
      { deliveryId, sourceIp, body },
      index,
    ) => html`<li><details class="panel delivery"${index === 0 ? html` open` : ''}>
      <summary><code>${deliveryId}</code> <span class="hint">from ${textOrDash(sourceIp)}</span></summary>
      ${bodyView({ body, numbers })}
    </details></li>`,
  )}</ul>
  ${more > 0 ? html`<p class="hint">And ${count(more)} more.</p>` : ''}`
}
