import type { Hono } from 'hono'
import { html } from 'hono/html'
import { HTTPException } from 'hono/http-exception'
import type { ConsoleContext, ConsoleEnv } from '../guards.ts'
import { formToken } from '../layout.ts'
import { emptyNotice } from '../markup/notice.ts'
import { table } from '../markup/table.ts'
import type { Run } from '../reprocess/run.ts'
import type { Runs } from '../reprocess/runs.ts'
import { readTarget } from '../reprocess/target.ts'
import { describeTarget, linkToTarget, receiptColumns, receiptsLink, runView } from '../reprocess/view.ts'
import { visitName } from '../sign-in/visits.ts'
import type { PageDeps } from './page-deps.ts'

/** Reprocessing: a run from its count to its receipt, and all receipts. It is logged who asked for what. */
export function addReprocess(app: Hono<ConsoleEnv>, deps: PageDeps & { runs: Runs }): void {
  const { runs, visits, renderPage, nowMs } = deps

  const askerOf = (c: ConsoleContext) => ({ address: c.var.address, visit: visitName(c.var.visit) })
  const goTo = (c: ConsoleContext, run: Run | null) => c.redirect(`/reprocess/${run?.id ?? 'unknown'}`, 303)

  app.get('/reprocess', async (c) => {
    const receipts = await runs.receipts()
    return renderPage(c, {
      title: 'Reprocessed',
      lead: 'Deliveries whose bodies were read again, with the code of a later release.',
      body:
        receipts.length === 0
          ? emptyNotice(
              'Nothing was reprocessed in the last 30 days.',
              html`Begin at <a href="/rejected">Rejected</a>, or at a session.`,
            )
          : table({ caption: 'Runs, the latest first', columns: receiptColumns, rows: receipts }),
    })
  })

  app.get('/reprocess/:id', async (c) => {
    const run = await runs.find(c.req.param('id'))
    if (run === null) {
      const text = html`The console was restarted meanwhile, or the count is old. ${receiptsLink}`
      return renderPage(c, {
        title: 'No such run',
        status: 404,
        body: html`<div id="run">${emptyNotice('The console does not know this run.', text)}</div>`,
      })
    }
    return renderPage(c, {
      title: 'Reprocess',
      lead: describeTarget(run.target),
      body: html`<div id="run">${runView(run, formToken(visits, c.var.visit))}</div>
        <p class="links">${linkToTarget(run.target)} ${receiptsLink}</p>`,
    })
  })

  app.post('/reprocess', (c) => {
    const target = readTarget(c.var.form, nowMs())
    if (target === null) throw new HTTPException(400, { message: 'The form names no deliveries.' })
    const run = runs.begin(target, askerOf(c))
    if (run !== null) return goTo(c, run)
    return renderPage(c, {
      title: 'Too much at once',
      status: 429,
      body: emptyNotice('Other deliveries are being reprocessed: wait until some are done.', receiptsLink),
    })
  })
  app.post('/reprocess/:id/confirm', async (c) => goTo(c, await runs.confirm(c.req.param('id'), askerOf(c))))
  app.post('/reprocess/:id/stop', async (c) => goTo(c, await runs.stop(c.req.param('id'), askerOf(c))))
}
