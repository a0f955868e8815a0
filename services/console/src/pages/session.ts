import { isUuid } from '@vss-pipeline/delivery'
import {
  type CallLegRow,
  type DeliveryRow,
  readBodies,
  readDeliveriesOf,
  readSession,
  type SessionRow,
} from '@vss-pipeline/reader'
import { displayCountOf } from '@vss-pipeline/runtime'
import type { Anomaly, AnomalyDetail } from '@vss-pipeline/vss'
import type { Hono } from 'hono'
import { html } from 'hono/html'
import { decimal, duration, percent, textOrDash, time, visible } from '../format.ts'
import type { ConsoleContext, ConsoleEnv } from '../guards.ts'
import { formToken, type Markup } from '../layout.ts'
import { badge, statusBadge } from '../markup/badge.ts'
import { bodyView } from '../markup/body.ts'
import { emptyNotice } from '../markup/notice.ts'
import { type Column, facts, table } from '../markup/table.ts'
import { timeline } from '../markup/timeline.ts'
import { clearNumbers, maskedNumbers, type Numbers } from '../numbers.ts'
import { reprocessPanel } from '../reprocess/panel.ts'
import { anomalyWords, outcomeWords, toneOfBand, toneOfOutcome } from '../words.ts'
import type { PageDeps } from './page-deps.ts'

/** More deliveries of one session are not shown with their bodies: some sender repeats itself. */
const mostBodies = 20

/** All that is known of one session. With `CONSOLE_NUMBERS=on-click`, a POST shows its numbers, and is logged. */
export function addSession(app: Hono<ConsoleEnv>, deps: PageDeps): void {
  const { pool, visits, renderPage, numbersMode, logger } = deps

  async function answerSession(c: ConsoleContext, numbers: Numbers) {
    const sessionId = (c.req.param('id') ?? '').toLowerCase()
    const stored = isUuid(sessionId) ? await readSession(pool, sessionId) : null
    const deliveries = stored?.deliveries ?? (await readDeliveriesOf(pool, sessionId))
    if (stored === null && deliveries.length === 0) {
      return renderPage(c, {
        title: 'No such session',
        status: 404,
        body: emptyNotice('No delivery was about this session.', 'It may still wait in the queue.'),
      })
    }
    const bodies = await readBodies(
      pool,
      deliveries.slice(-mostBodies).map(({ deliveryId }) => deliveryId),
    )
    const mayReveal = numbersMode === 'on-click' && !numbers.areShown
    const reveal = html`<form method="post" action="/sessions/${sessionId}/numbers">
      ${formToken(visits, c.var.visit)}<button type="submit">Show the numbers</button>
      <span class="hint">It is logged that you did.</span>
    </form>`
    return renderPage(c, {
      title: 'Session',
      lead: html`<code>${sessionId}</code>`,
      body: html`${mayReveal ? reveal : ''}
        ${stored === null ? onlyRejected : sessionView(stored.session, stored.legs, numbers)}
        <h2>${displayCountOf(deliveries.length, 'delivery', 'deliveries')}, the latest first</h2>
        ${await reprocessPanel(c, deps, { fields: { session: sessionId }, words: 'Reprocess them' })}
        ${deliveriesView(deliveries, bodies, numbers)}`,
    })
  }

  app.get('/sessions/:id', (c) => answerSession(c, numbersMode === 'shown' ? clearNumbers : maskedNumbers))
  // Somebody reloads the page with the numbers, or comes back to it.
  app.get('/sessions/:id/numbers', (c) =>
    c.redirect(`/sessions/${encodeURIComponent(c.req.param('id'))}`, 303),
  )
  app.post('/sessions/:id/numbers', (c) => {
    if (numbersMode === 'masked') return answerSession(c, maskedNumbers)
    const { address } = c.var
    logger.info({ sessionId: c.req.param('id').slice(0, 36), address }, 'the numbers of a session were shown')
    return answerSession(c, clearNumbers)
  })
}

const onlyRejected = html`<div class="notice warn"><p>There is no such session: every delivery about it was rejected.</p></div>`

function sessionView(session: SessionRow, legs: readonly CallLegRow[], numbers: Numbers): Markup {
  return html`<section class="panel" aria-label="Session">
      <p class="headline">${statusBadge(session.status)} <span class="number">${numbers.show(session.caller)}</span> <span aria-label="calls">→</span> <span class="number">${numbers.show(session.callee)}</span></p>
      ${sessionFacts(session, numbers)}
    </section>
    ${timeline(session, legs) ?? ''}
    ${anomaliesView(session)}
    ${legs.length === 0 ? '' : html`<h2>Legs</h2>${table({ caption: 'Legs of the session', columns: legColumns(numbers), rows: legs })}`}`
}

function sessionFacts(session: SessionRow, numbers: Numbers): Markup {
  const { errorCode, errorMessage, errorMeaning } = session
  const error =
    errorCode === null && errorMessage === null
      ? null
      : `${errorCode ?? ''} ${visible(errorMessage ?? '')}`.trim()
  return facts([
    ['Started (UTC)', time(session.startedAt)],
    ['Ended (UTC)', time(session.endedAt)],
    ['Answered', session.answered ? 'yes' : 'no'],
    ['Rang', duration(session.ringSeconds)],
    ['Talked', duration(session.talkSeconds)],
    [
      'Our number',
      session.virtualNumber === null
        ? null
        : html`<span class="number">${numbers.show(session.virtualNumber)}</span>`,
    ],
    ['Sub-account', visible(session.subAccountId)],
    ['Request id', session.clientRequestId === null ? null : visible(session.clientRequestId)],
    ['Last action', session.lastAction === null ? null : visible(session.lastAction)],
    [
      'Worst MOS',
      session.mosMin === null
        ? null
        : html`${decimal(session.mosMin, 2)} ${badge(session.mosBand, toneOfBand(session.mosBand))}`,
    ],
    ['Packet loss', session.packetLossMax === null ? null : percent(session.packetLossMax)],
    ['Jitter', session.jitterMsMax === null ? null : `${decimal(session.jitterMsMax, 1)} ms`],
    ['Error', error],
    ['It means', errorMeaning === null || errorMeaning === errorMessage ? null : visible(errorMeaning)],
    ['Revision', session.revision],
    ['Written by', `release ${visible(session.pipelineVersion)}`],
  ])
}

/** Every anomaly in words, with the fields where it was found. */
function anomaliesView({ anomalies, anomalyDetails }: SessionRow): Markup | string {
  if (anomalies.length === 0) return ''
  const details = (anomalyDetails ?? []) as readonly AnomalyDetail[]
  const items = anomalies.map((code) => {
    const paths = details.filter((detail) => detail.code === code).map(({ path }) => visible(path))
    return html`<li>
      <span class="codes">${visible(code)}</span> ${anomalyWords[code as Anomaly] ?? ''}
      ${paths.length === 0 ? '' : html`<span class="places">${paths.map((path) => html`<code>${path}</code> `)}</span>`}
    </li>`
  })
  return html`<section class="panel warn-edge"><h2>${displayCountOf(anomalies.length, 'anomaly', 'anomalies')}</h2><ul class="anomalies">${items}</ul></section>`
}

function legColumns(numbers: Numbers): Column<CallLegRow>[] {
  const party = (number: string | null, country: string | null, type: string | null) =>
    html`<span class="number">${numbers.show(number)}</span><span class="sub">${[
      country,
      type?.replaceAll('_', ' ').toLowerCase(),
    ]
      .flatMap((part) => (part ? [visible(part)] : []))
      .join(' · ')}</span>`
  return [
    {
      head: 'Leg',
      cell: ({ leg, direction, callType }) =>
        html`<strong>${visible(leg)}</strong> ${textOrDash(direction?.toLowerCase() ?? null)}<span class="sub">${callType === null ? '' : visible(callType)}</span>`,
    },
    { head: 'Status', cell: ({ status }) => statusBadge(status) },
    { head: 'From', cell: (leg) => party(leg.source, leg.sourceCountry, leg.sourceType) },
    { head: 'To', cell: (leg) => party(leg.destination, leg.destinationCountry, leg.destinationType) },
    {
      head: 'Began (UTC), call id',
      cell: ({ initiatedAt, callId }) =>
        html`${time(initiatedAt)}<span class="sub call-id"><code>${textOrDash(callId)}</code></span>`,
    },
    { head: 'Rang', isFigure: true, cell: ({ ringSeconds }) => duration(ringSeconds) },
    { head: 'Connected', isFigure: true, cell: ({ durationSeconds }) => duration(durationSeconds) },
    { head: 'MOS', isFigure: true, cell: ({ mos }) => decimal(mos, 2) },
    {
      head: 'Loss, jitter',
      isFigure: true,
      cell: ({ packetLossRate, jitterMs }) =>
        html`${percent(packetLossRate)}<span class="sub">${jitterMs === null ? '–' : `${decimal(jitterMs, 0)} ms`}</span>`,
    },
  ]
}

function deliveriesView(
  deliveries: readonly DeliveryRow[],
  bodies: ReadonlyMap<string, Uint8Array | null>,
  numbers: Numbers,
): Markup {
  const items = deliveries.toReversed().map((delivery, index) => {
    const { deliveryId, receivedAt, sourceIp, outcome, reasons, source } = delivery
    const body = bodies.get(deliveryId)
    return html`<li><details class="panel delivery"${index === 0 && deliveries.length === 1 ? html` open` : ''}>
      <summary>
        ${badge(outcome, toneOfOutcome[outcome])} ${time(receivedAt)}
        <span class="hint">${outcomeWords[outcome]} ${source === 'import' ? 'Imported.' : sourceIp === null ? '' : `From ${sourceIp}.`}</span>
      </summary>
      <p class="hint">Delivery <a href="/deliveries/${deliveryId}"><code>${deliveryId}</code></a></p>
      ${body === undefined ? html`<p class="hint">Older bodies are not shown here.</p>` : bodyView({ body, reasons: reasons ?? [], numbers })}
    </details></li>`
  })
  return html`<ul class="plain">${items}</ul>`
}
