import { findSessions, NoPlaceError, readSession, type SessionRow } from '@vss-pipeline/reader'
import { displayCountOf } from '@vss-pipeline/runtime'
import { anomalyCodes, sessionStatuses } from '@vss-pipeline/vss/vocabulary'
import type { Hono } from 'hono'
import { html, raw } from 'hono/html'
import { decimal, duration, textOrDash, time, visible } from '../format.ts'
import type { ConsoleContext, ConsoleEnv } from '../guards.ts'
import { formToken, type Markup } from '../layout.ts'
import { statusBadge } from '../markup/badge.ts'
import { emptyNotice } from '../markup/notice.ts'
import { type Column, table } from '../markup/table.ts'
import { clearNumbers, maskedNumbers, type Numbers } from '../numbers.ts'
import { spans } from '../span.ts'
import { writeCsv } from './csv.ts'
import type { PageDeps } from './page-deps.ts'
import { meanings, readFilters, type SessionFilters, toAddress, toSearch } from './session-filters.ts'

const pageRows = 50
/** More rows would be a report, for which there is SQL. */
const mostCsvRows = 10_000
const csvPageRows = 1_000

/**
 * The search. Its form is posted, because the number that somebody searches for must be in no address, no history and no
 * log of a proxy. The other filters are in the address, so that a search can be kept and shared.
 */
export function addSessions(app: Hono<ConsoleEnv>, deps: PageDeps): void {
  const { pool, visits, renderPage, numbersMode, nowMs } = deps
  const numbers = numbersMode === 'shown' ? clearNumbers : maskedNumbers

  async function answerSearch(c: ConsoleContext, fields: Readonly<Record<string, string | undefined>>) {
    const filters = readFilters(fields)
    const read = toSearch(filters, nowMs())
    const token = formToken(visits, c.var.visit)
    const frame = (results: Markup, status: 200 | 400 = 200) =>
      renderPage(c, {
        title: 'Sessions',
        status,
        body: html`${searchForm(token, filters)}<div id="results" aria-live="polite">${results}</div>`,
      })
    if ('problem' in read) return frame(html`<p class="problem" role="alert">${read.problem}</p>`, 400)
    if (read.sessionId !== null && (await readSession(pool, read.sessionId)) !== null) {
      return goTo(c, `/sessions/${read.sessionId}`)
    }
    c.header('HX-Push-Url', toAddress(filters))
    const before = fields.before || undefined
    try {
      const found = await findSessions(pool, { ...read.search, limit: pageRows, ...(before && { before }) })
      return frame(
        results(found.sessions, { token, filters, numbers, next: found.next, isFirst: before === undefined }),
      )
    } catch (error) {
      if (!(error instanceof NoPlaceError)) throw error
      return frame(html`<p class="problem" role="alert">That page does not exist. Search again.</p>`, 400)
    }
  }

  app.get('/sessions', (c) => answerSearch(c, { ...c.req.query(), find: '', before: '' }))
  app.post('/sessions', (c) => answerSearch(c, c.var.form))
  app.post('/sessions/export', async (c) => {
    const read = toSearch(readFilters(c.var.form), nowMs())
    if ('problem' in read) return c.text(`${read.problem}\n`, 400)
    const rows: SessionRow[] = []
    let before: string | undefined
    do {
      const limit = Math.min(csvPageRows, mostCsvRows - rows.length)
      const found = await findSessions(pool, {
        ...read.search,
        limit,
        ...(before !== undefined && { before }),
      })
      rows.push(...found.sessions)
      before = found.next ?? undefined
    } while (before !== undefined && rows.length < mostCsvRows)
    return c.body(writeCsv(rows, csvColumns(numbers)), 200, {
      'Content-Type': 'text/csv; charset=utf-8; header=present',
      'Content-Disposition': 'attachment; filename="sessions.csv"',
    })
  })
}

/** htmx would put the page where the results belong, if it followed. */
function goTo(c: ConsoleContext, path: string): Response {
  return c.req.header('hx-request') === 'true'
    ? c.body(null, 204, { 'HX-Redirect': path })
    : c.redirect(path, 303)
}

/** htmx posts the form, and takes the results alone out of the page that answers. */
const askByHtmx = raw(
  'data-hx-post="/sessions" data-hx-target="#results" data-hx-select="#results" data-hx-swap="outerHTML"',
)

function searchForm(token: Markup, filters: SessionFilters): Markup {
  const { find, as, status, account, anomaly, route, span, since, until } = filters
  const statuses = withCurrent([...sessionStatuses], status)
  return html`<form id="search" class="panel search" method="post" action="/sessions" role="search" ${askByHtmx}>
    ${token}
    <div class="search-main">
      <label class="unseen" for="find">Number or id</label>
      <input id="find" name="find" type="search" value="${find}" maxlength="255" autocomplete="off" spellcheck="false" placeholder="+1 202 555 0123, last digits, session, call or request id">
      <button class="primary" type="submit">Search</button>
    </div>
    <div class="search-filters">
      ${field('Text is', html`<select name="as" id="as">${options(Object.entries(meanings), as)}</select>`, 'as')}
      ${field('Status', html`<select name="status" id="status">${options([['', 'Any'], ...statuses.map((one) => [one, one.replaceAll('_', ' ').toLowerCase()] as const)], status)}</select>`, 'status')}
      ${field('Sub-account', html`<input name="account" id="account" value="${account}" maxlength="255" autocomplete="off" spellcheck="false">`, 'account')}
      ${field('Anomaly', html`<select name="anomaly" id="anomaly">${options([['', 'Any'], ...withCurrent([...anomalyCodes], anomaly).map((code) => [code, code] as const)], anomaly)}</select>`, 'anomaly')}
      ${field('Countries', html`<input name="route" id="route" value="${route}" maxlength="16" placeholder="SG-ID" autocomplete="off" spellcheck="false" size="7">`, 'route')}
      ${field('Time', html`<select name="span" id="span">${options([['', 'a day; any for a number or id'], ...Object.entries(spans).map(([name, { words }]) => [name, words] as const), ['any', 'any time']], span)}</select>`, 'span')}
      ${field('From (UTC)', html`<input name="since" id="since" type="datetime-local" step="1" value="${since}">`, 'since')}
      ${field('Before (UTC)', html`<input name="until" id="until" type="datetime-local" step="1" value="${until}">`, 'until')}
    </div>
  </form>`
}

function field(name: string, input: Markup, id: string): Markup {
  return html`<div class="field"><label for="${id}">${name}</label>${input}</div>`
}

function options(choices: readonly (readonly [value: string, words: string])[], current: string): Markup[] {
  return choices.map(
    ([value, words]) =>
      html`<option value="${value}"${value === current ? html` selected` : ''}>${visible(words)}</option>`,
  )
}

/** A status that 8x8 does not document comes by an address, and is a choice then. */
function withCurrent(known: string[], current: string): string[] {
  return current === '' || known.includes(current) ? known : [...known, current]
}

function results(
  sessions: readonly SessionRow[],
  options: {
    token: Markup
    filters: SessionFilters
    numbers: Numbers
    next: string | null
    isFirst: boolean
  },
): Markup {
  const { token, filters, numbers, next, isFirst } = options
  if (sessions.length === 0) {
    return emptyNotice(
      'No session is like that.',
      filters.span === 'any' || filters.since !== '' || filters.find !== ''
        ? 'It may still wait in the queue, or was rejected.'
        : 'Look at a longer time. Or it may still wait in the queue, or was rejected.',
    )
  }
  // The buttons are about the sessions that are shown, whatever the fields of the search hold by now.
  const hidden = Object.entries(filters).filter(([, value]) => value !== '')
  const fields = html`${token}${hidden.map(([name, value]) => html`<input type="hidden" name="${name}" value="${value}">`)}`
  return html`<div class="bar">
      <p>${displayCountOf(sessions.length, 'session', 'sessions')}${next === null && isFirst ? '' : ' on this page'}, the latest first. Times are in UTC.</p>
      <div class="bar-actions">
        <form method="post" action="/sessions" ${askByHtmx}>
          ${fields}
          ${isFirst ? '' : html`<button type="submit">Newest</button>`}
          ${next === null ? '' : html`<button type="submit" name="before" value="${next}">Older</button>`}
        </form>
        <form method="post" action="/sessions/export">${fields}<button type="submit">CSV</button></form>
      </div>
    </div>
    ${table({ caption: 'Sessions found', columns: columnsWith(numbers), rows: sessions })}`
}

function columnsWith(numbers: Numbers): Column<SessionRow>[] {
  return [
    {
      head: 'Started',
      cell: ({ sessionId, startedAt }) => html`<a href="/sessions/${sessionId}">${time(startedAt)}</a>`,
    },
    { head: 'Status', cell: ({ status }) => statusBadge(status) },
    { head: 'Caller', cell: ({ caller }) => html`<span class="number">${numbers.show(caller)}</span>` },
    { head: 'Callee', cell: ({ callee }) => html`<span class="number">${numbers.show(callee)}</span>` },
    { head: 'Talk', isFigure: true, cell: ({ talkSeconds }) => duration(talkSeconds) },
    { head: 'Ring', isFigure: true, cell: ({ ringSeconds }) => duration(ringSeconds) },
    { head: 'MOS', isFigure: true, cell: ({ mosMin }) => decimal(mosMin, 1) },
    { head: 'Sub-account', cell: ({ subAccountId }) => textOrDash(subAccountId) },
    {
      head: 'Anomalies',
      isFigure: true,
      cell: ({ anomalies }) =>
        anomalies.length === 0 ? '' : html`<span title="${anomalies.join(', ')}">${anomalies.length}</span>`,
    },
  ]
}

function csvColumns(numbers: Numbers): readonly (readonly [string, (row: SessionRow) => unknown])[] {
  const number = (value: string | null) => (value === null ? null : numbers.show(value))
  return [
    ['session_id', (row) => row.sessionId],
    ['started_at', (row) => row.startedAt],
    ['ended_at', (row) => row.endedAt],
    ['status', (row) => row.status],
    ['sub_account_id', (row) => row.subAccountId],
    ['caller', (row) => number(row.caller)],
    ['virtual_number', (row) => number(row.virtualNumber)],
    ['callee', (row) => number(row.callee)],
    ['answered', (row) => row.answered],
    ['ring_seconds', (row) => row.ringSeconds],
    ['talk_seconds', (row) => row.talkSeconds],
    ['mos_min', (row) => row.mosMin],
    ['packet_loss_max', (row) => row.packetLossMax],
    ['jitter_ms_max', (row) => row.jitterMsMax],
    ['client_request_id', (row) => row.clientRequestId],
    ['error_code', (row) => row.errorCode],
    ['anomalies', (row) => row.anomalies.join(' ')],
    ['revision', (row) => row.revision],
  ]
}
