import { readBodies, readDelivery } from '@vss-pipeline/reader'
import type { Hono } from 'hono'
import { html } from 'hono/html'
import { time, visible } from '../format.ts'
import type { ConsoleEnv } from '../guards.ts'
import { badge } from '../markup/badge.ts'
import { bodyView } from '../markup/body.ts'
import { emptyNotice } from '../markup/notice.ts'
import { facts } from '../markup/table.ts'
import { clearNumbers, maskedNumbers } from '../numbers.ts'
import { reprocessPanel } from '../reprocess/panel.ts'
import { outcomeWords, reasonWords, toneOfOutcome } from '../words.ts'
import type { PageDeps } from './page-deps.ts'

/** One delivery: what became of it, why, and its body with the places that were wrong. */
export function addDelivery(app: Hono<ConsoleEnv>, deps: PageDeps): void {
  const { pool, renderPage, numbersMode } = deps
  app.get('/deliveries/:id', async (c) => {
    const id = c.req.param('id').toLowerCase()
    const delivery = await readDelivery(pool, id)
    if (delivery === null) {
      return renderPage(c, {
        title: 'No such delivery',
        status: 404,
        body: emptyNotice('The ledger does not have this delivery.', 'It may still wait in the queue.'),
      })
    }
    const { outcome, receivedAt, sourceIp, sessionId, reasons, pipelineVersion } = delivery
    const body = (await readBodies(pool, [id])).get(id) ?? null
    return renderPage(c, {
      title: 'Delivery',
      lead: html`<code>${id}</code>`,
      body: html`<section class="panel">
        <p class="headline">${badge(outcome, toneOfOutcome[outcome])} ${outcomeWords[outcome]}</p>
        ${facts([
          ['Received (UTC)', time(receivedAt)],
          ['From', sourceIp],
          [
            'Session',
            sessionId === null ? null : html`<a href="/sessions/${sessionId}"><code>${sessionId}</code></a>`,
          ],
          ['Read by', `release ${visible(pipelineVersion)}`],
        ])}
      </section>
      ${
        reasons.length === 0
          ? ''
          : html`<section class="panel bad-edge"><h2>Why it was rejected</h2><ul class="anomalies">${reasons.map(
              ({ code, path, message }) => html`<li>
                <span class="codes">${code}</span> ${reasonWords[code] ?? ''} ${path === '' ? '' : html`<code>${visible(path)}</code>`}
                <span class="hint">${visible(message)}</span>
              </li>`,
            )}</ul></section>`
      }
      <h2>Body</h2>
      ${bodyView({ body, reasons, numbers: numbersMode === 'shown' ? clearNumbers : maskedNumbers })}
      ${await reprocessPanel(c, deps, { fields: { delivery: id }, words: 'Reprocess it', reasons: reasons.map(({ code }) => code) })}`,
    })
  })
}
