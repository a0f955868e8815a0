import type { ReprocessCount, ReprocessProgress } from '@vss-pipeline/pipeline'
import { displayCountOf } from '@vss-pipeline/runtime'
import { html } from 'hono/html'
import { count, duration, time, visible } from '../format.ts'
import type { Markup } from '../layout.ts'
import { badge } from '../markup/badge.ts'
import { type Column, facts, table } from '../markup/table.ts'
import { type Tone, toneOfOutcome } from '../words.ts'
import { type Ending, isChange, type Run } from './run.ts'
import { fieldsOf, type Target } from './target.ts'
import { resultSentence } from './words.ts'

/** The deliveries in words. */
export function describeTarget(target: Target): Markup {
  switch (target.kind) {
    case 'delivery':
      return html`Delivery <code>${target.deliveryId}</code>`
    case 'session':
      return html`The deliveries of session <code>${target.sessionId}</code>`
    case 'rejected': {
      const { reason, since, until } = target
      const why =
        reason === null
          ? ''
          : html` for <span class="codes">${visible(reason.code)}</span>${reason.path === '' ? '' : html` at <code>${visible(reason.path)}</code>`}`
      return html`Rejected${why}, received from ${time(since)} to ${time(until)} UTC`
    }
  }
}

/** A link to the page of the deliveries. */
export function linkToTarget(target: Target): Markup {
  switch (target.kind) {
    case 'delivery':
      return html`<a href="/deliveries/${target.deliveryId}">The delivery</a>`
    case 'session':
      return html`<a href="/sessions/${target.sessionId}">The session</a>`
    case 'rejected': {
      const { reason, span } = target
      if (reason === null) return html`<a href="/rejected?span=${span}">All that was rejected</a>`
      const query = new URLSearchParams({ path: reason.path, span })
      return html`<a href="/rejected/${encodeURIComponent(reason.code)}?${query}">This group</a>`
    }
  }
}

export const receiptsLink = html`<a href="/reprocess">All that was reprocessed</a>`

/** A form that counts what reprocessing would change. */
export function countForm(token: Markup, options: { target: Target; words: string }): Markup {
  const { target, words } = options
  const fields = Object.entries(fieldsOf(target)).map(
    ([name, value]) => html`<input type="hidden" name="${name}" value="${value}">`,
  )
  return html`<form method="post" action="/reprocess">${token}${fields}<button type="submit">${words}</button></form>`
}

/** A run as it is now. While it is under way the page asks for it each second. */
export function runView(run: Run, token: Markup): Markup {
  const { id, target, state } = run
  const asks = html`<div data-hx-get="/reprocess/${id}" data-hx-trigger="every 1s" data-hx-target="#run" data-hx-select="#run" data-hx-swap="outerMorph"></div>
    <noscript><p><a href="/reprocess/${id}">Look again</a></p></noscript>`
  const stop = html`<form method="post" action="/reprocess/${id}/stop">${token}<button type="submit">Stop</button></form>`
  switch (state.name) {
    case 'counting':
      return html`<section class="panel run" aria-label="Progress">
        <p class="headline">Counting what would change</p>
        <progress aria-label="Counting"></progress>
        <p>${displayCountOf(state.would.judged, 'delivery', 'deliveries')} so far. Nothing changes yet.</p>
        ${stop}${asks}</section>`
    case 'not_counted':
      return html`<section class="panel run warn-edge" aria-label="Result" role="status">
        <p class="headline">It was not counted</p>
        ${endingView(state.how)}
        <p>Nothing was changed.</p>
        ${countForm(token, { target, words: 'Count again' })}</section>`
    case 'counted': {
      const hasChanges = state.would.counts.some(isChange)
      const confirm = html`<p>Each delivery keeps its id and its time of receipt, so that none becomes newer than another.
          Workers may go on meanwhile, and it can be stopped at any time.</p>
        <form method="post" action="/reprocess/${id}/confirm">${token}<button class="primary" type="submit">Reprocess</button></form>`
      return html`<section class="panel run" aria-label="Result of the count" role="status">
        <p class="headline">${resultSentence(target, state.would, 'would')}</p>
        ${hasChanges ? confirm : html`<p>Nothing would change.</p>`}
        </section>
        ${resultTable(state.would)}`
    }
    case 'judging':
      return html`<section class="panel run" aria-label="Progress">
        <p class="headline">Reprocessing: ${count(state.did.judged)} of ${count(state.would.judged)}</p>
        <progress aria-label="Reprocessing" max="${Math.max(1, state.would.judged)}" value="${state.did.judged}"></progress>
        <p>${state.did.doneUntil === null ? 'It begins.' : html`Done is what was received before ${time(state.did.doneUntil)} UTC.`}</p>
        ${stop}${asks}</section>`
    case 'ended': {
      const { how, did, would, beganAt, endedAt } = state
      const isDone = how.kind === 'done'
      return html`<section class="panel run ${isDone ? '' : 'warn-edge'}" aria-label="Receipt" role="status">
        <p class="headline">${badge(endingWords[how.kind], toneOfEnding[how.kind])} ${resultSentence(target, did, 'did')}</p>
        ${isDone ? '' : endingView(how)}
        ${facts([
          ['Began (UTC)', time(beganAt)],
          ['Took', endedAt === null ? null : duration((Date.parse(endedAt) - Date.parse(beganAt)) / 1_000)],
          ['Judged', isDone ? null : `${count(did.judged)} of ${count(would.judged)}`],
          [
            'Done is what was received before (UTC)',
            isDone || did.doneUntil === null ? null : time(did.doneUntil),
          ],
          ['Confirmed from', run.by.address],
        ])}
        ${isDone ? '' : html`<p>What is done stays done, and to begin again is safe.</p>${countForm(token, { target, words: 'Count the rest' })}`}
        </section>
        ${resultTable(did)}`
    }
  }
}

const endingWords: Record<Ending['kind'], string> = {
  done: 'done',
  stopped: 'stopped',
  console_ended: 'cut short',
  failed: 'failed',
}

const toneOfEnding: Record<Ending['kind'], Tone> = {
  done: 'ok',
  stopped: 'warn',
  console_ended: 'warn',
  failed: 'bad',
}

function endingView(how: Ending): Markup | string {
  switch (how.kind) {
    case 'done':
      return ''
    case 'stopped':
      return html`<p>Somebody stopped it.</p>`
    case 'console_ended':
      return html`<p>The console was stopped meanwhile.</p>`
    case 'failed':
      return html`<p>${visible(how.problem.text)}</p><p><strong>To do:</strong> ${visible(how.problem.remedy)}</p>`
  }
}

function resultTable({ counts }: ReprocessProgress): Markup | string {
  return counts.length === 0
    ? ''
    : table({ caption: 'Result by outcome', columns: resultColumns, rows: counts })
}

const resultColumns: readonly Column<ReprocessCount>[] = [
  { head: 'Was', cell: ({ from }) => badge(from, toneOfOutcome[from]) },
  {
    head: 'Then',
    cell: (one) => html`${badge(one.to, toneOfOutcome[one.to])}<span class="sub">${noteOn(one)}</span>`,
  },
  { head: 'Deliveries', isFigure: true, cell: ({ deliveries }) => count(deliveries) },
  {
    head: 'Such as',
    cell: ({ samples }) =>
      html`${samples.map((id) => html`<a class="sub" href="/deliveries/${id}"><code>${id}</code></a>`)}`,
  },
]

/** A word on an effect that the outcomes do not tell. */
function noteOn({ effect, from, to }: ReprocessCount): string {
  switch (effect) {
    case 'judged':
      return from === to ? 'for other reasons' : ''
    case 'session_rewritten':
      return 'the session has other values'
    case 'would_reject':
      return "today's code rejects it, but the session stands for it"
    case 'other_session':
      return "today's code reads another session in it"
    case 'session_gone':
      return 'its session was deleted, and is not made again'
    case 'no_body':
      return 'it has no body to read'
    case 'none':
      return 'unchanged'
  }
}

/** The result of a run in a sentence, or how far it has come. */
export function receiptText({ target, state }: Run): string {
  if (state.name === 'ended') return resultSentence(target, state.did, 'did')
  return state.name === 'judging' ? `${count(state.did.judged)} of ${count(state.would.judged)} so far` : ''
}

/** Whether a run is under way, or how it ended. */
export function receiptState({ state }: Run): Markup {
  return state.name === 'ended'
    ? badge(endingWords[state.how.kind], toneOfEnding[state.how.kind])
    : badge('under way', 'muted')
}

/** The columns of a list of receipts. */
export const receiptColumns: readonly Column<Run>[] = [
  {
    head: 'Began (UTC)',
    cell: ({ id, state }) =>
      html`<a href="/reprocess/${id}">${'beganAt' in state ? time(state.beganAt) : ''}</a>`,
  },
  { head: 'State', cell: receiptState },
  { head: 'Deliveries', cell: ({ target }) => describeTarget(target) },
  { head: 'Result', cell: receiptText },
]
