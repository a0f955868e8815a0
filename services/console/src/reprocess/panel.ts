import { html } from 'hono/html'
import type { ConsoleContext } from '../guards.ts'
import { formToken, type Markup } from '../layout.ts'
import type { Visits } from '../sign-in/visits.ts'
import type { Runs } from './runs.ts'
import { readTarget } from './target.ts'
import { countForm, receiptState, receiptsLink, receiptText } from './view.ts'

/** Such a delivery may end the console as well. */
const killsWorker = 'kills_worker'

/**
 * The part of a page that reprocesses its deliveries, with the receipt of the last time.
 *
 * @param options.fields name the deliveries, as the form does
 * @param options.reasons the codes of their reasons
 * @returns nothing where the console has no role that may change rows
 */
export async function reprocessPanel(
  c: ConsoleContext,
  deps: { runs: Runs | null; visits: Visits; nowMs: () => number },
  options: { fields: Readonly<Record<string, string>>; words: string; reasons?: readonly string[] },
): Promise<Markup | string> {
  const { runs, visits, nowMs } = deps
  const { fields, words, reasons = [] } = options
  const target = readTarget(fields, nowMs())
  if (runs === null || target === null) return ''
  if (reasons.includes(killsWorker)) {
    return html`<p class="hint">It has killed workers, and might end the console: reprocess it by the command, <code>vss reprocess --reason ${killsWorker}</code>.</p>`
  }
  const last = await runs.findLast(target)
  return html`<section class="panel reprocess" aria-label="Reprocess">
    ${countForm(formToken(visits, c.var.visit), { target, words })}
    <p class="hint">By the code of this release. First it is counted what would change.</p>
    ${
      last === null
        ? html`<p class="hint">${receiptsLink}</p>`
        : html`<p>Last time: <a href="/reprocess/${last.id}">${receiptText(last)}</a> ${receiptState(last)}</p>`
    }
  </section>`
}
