import { type Consumer, readConsumers, readFeedState } from '@vss-pipeline/reader'
import { readWatermark } from '@vss-pipeline/storage'
import type { Hono } from 'hono'
import { html } from 'hono/html'
import { duration, time, visible } from '../format.ts'
import type { ConsoleEnv } from '../guards.ts'
import type { Markup } from '../layout.ts'
import { badge } from '../markup/badge.ts'
import { emptyNotice } from '../markup/notice.ts'
import { type Column, facts, table } from '../markup/table.ts'
import type { PageDeps } from './page-deps.ts'

/** The programs that follow the change feed, and how far they are. */
export function addConsumers(app: Hono<ConsoleEnv>, deps: PageDeps): void {
  const { pool, renderPage } = deps
  app.get('/consumers', async (c) => {
    const [consumers, feed, watermark] = await Promise.all([
      readConsumers(pool),
      readFeedState(pool),
      readWatermark(pool),
    ])
    const { completeUntilMs, reason } = watermark
    const completeUntil =
      completeUntilMs === null ? 'not known yet' : time(new Date(completeUntilMs).toISOString())
    return renderPage(c, {
      title: 'Consumers',
      lead: 'Programs that follow the rows by the change feed.',
      body: html`<section class="panel">${facts([
        ['Rows are complete until (UTC)', completeUntil],
        ['Because', visible(reason)],
        ['The feed has shown nothing new for', feed.heldSeconds >= 10 ? duration(feed.heldSeconds) : null],
      ])}</section>
      ${
        consumers.length === 0
          ? emptyNotice(
              'Nobody follows the rows yet.',
              html`A consumer appears here with its first <code>vss.commit()</code>.`,
            )
          : table({ caption: 'Consumers of the change feed', columns, rows: consumers })
      }`,
    })
  })
}

const lateAfterSeconds = 60

const columns: readonly Column<Consumer>[] = [
  { head: 'Name', cell: ({ name }) => html`<strong>${visible(name)}</strong>` },
  { head: 'State', cell: stateOf },
  {
    head: 'Behind',
    isFigure: true,
    cell: ({ state, lagSeconds }) => (state === 'up to date' ? '0 s' : duration(lagSeconds)),
  },
  { head: 'Last commit (UTC)', cell: ({ committedAt }) => time(committedAt) },
]

function stateOf({ state, lagSeconds }: Consumer): Markup {
  if (state === 'up to date') return badge(state, 'ok')
  const isLate = lagSeconds === null || lagSeconds > lateAfterSeconds
  return badge(state, isLate ? 'bad' : 'warn')
}
