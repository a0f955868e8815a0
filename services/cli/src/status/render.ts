import { styleText } from 'node:util'
import type { IngestReport, RunningProcess } from '@vss-pipeline/queue'
import {
  describeReplica,
  type FeedState,
  ingestsOf,
  lastReceivedAtMs,
  type RejectReasons,
  sumPosts,
} from '@vss-pipeline/reader'
import {
  displayBytes,
  displayCount,
  displayCountOf,
  displaySpan,
  pipelineVersion,
} from '@vss-pipeline/runtime'
import { renderFindingLines } from '../finding-lines.ts'
import {
  alignColumns,
  displayValue,
  indent,
  renderFields,
  renderParagraph,
  renderTable,
  shorten,
  title,
} from '../text.ts'
import type { Status } from './read.ts'

type Field = readonly [label: string, value: string]

/** The status for people: the verdict, then each part that could be read. */
export function renderStatus(status: Status): string {
  const { facts, verdict, since } = status
  const { processes, outcomes, feed } = facts
  const parts = [
    renderVerdict(verdict),
    renderFlow(status),
    ...(processes ? [renderPosts(sumPosts(processes))] : []),
    ...(outcomes ? [renderLedger(outcomes.sinceThen, facts.rejectReasons?.sinceThen, since)] : []),
    ...(feed && feed.consumerCount > 0 ? [renderConsumers(feed)] : []),
    ...(processes && processes.running.length > 0 ? [renderProcesses(processes.running)] : []),
    renderServers(status),
    renderFindings(status),
  ]
  return parts.filter((part) => part !== '').join('\n\n')
}

const colours = { ok: 'green', warning: 'yellow', error: 'red' } as const

function renderVerdict({ level, text }: Status['verdict']): string {
  const lines = renderParagraph(displayValue(text), { indentColumns: 0 }).split('\n')
  return lines.map((line) => coloured(colours[level], line)).join('\n')
}

function renderFlow({ facts }: Status): string {
  const { queue, processes, lastStoredAt, completeUntil, feed, replica } = facts
  const receivedMs = lastReceivedAtMs(facts)
  const fields: Field[] = []
  if (queue !== undefined)
    fields.push(['waiting', describeWaiting(queue)], ['batches', describeBatches(queue)])
  if (processes !== undefined) fields.push(...spoolFields(ingestsOf(processes)))
  if (processes !== undefined || lastStoredAt !== undefined) {
    fields.push(['last received', receivedMs === null ? 'not known' : describeTime(receivedMs)])
  }
  if (lastStoredAt !== undefined) {
    fields.push([
      'last stored',
      lastStoredAt === null ? 'nothing yet' : describeTime(Date.parse(lastStoredAt)),
    ])
  }
  if (completeUntil !== undefined) {
    fields.push(['complete until', describeCompleteness(completeUntil, { isReplica: replica != null })])
  }
  if (feed !== undefined) fields.push(['change feed', describeFeed(feed)])
  return renderPart('Flow', fields)
}

function describeWaiting({
  deliveries,
  oldestWaitingSeconds,
  isPaused,
}: NonNullable<Status['facts']['queue']>): string {
  const paused = isPaused ? '; the queue is paused' : ''
  if (deliveries === 0) return `no delivery${paused}`
  const since = describeTime(Date.now() - 1000 * oldestWaitingSeconds)
  return `${displayCountOf(deliveries, 'delivery', 'deliveries')}, the oldest since ${since}${paused}`
}

function describeBatches({ jobs }: NonNullable<Status['facts']['queue']>): string {
  const { waiting, active, delayed, failed } = jobs
  const parts = [
    `${displayCount(waiting)} waiting`,
    `${displayCount(active)} active`,
    notable('yellow', delayed, 'delayed'),
    notable('red', failed, 'failed'),
  ]
  return parts.join(', ')
}

const shownSpools = 5

/** The fullest come first. */
function spoolFields(ingests: readonly IngestReport[]): Field[] {
  const held = ({ spool }: IngestReport) => spool?.deliveries ?? 0
  const withSpool = ingests
    .filter(({ spool }) => spool !== null)
    .toSorted((one, other) => held(other) - held(one))
  const fields = withSpool
    .slice(0, shownSpools)
    .map(({ place, spool }): Field => ['spool', `${describeSpool(spool!)} (${displayValue(place)})`])
  const others = withSpool.slice(shownSpools)
  if (others.length === 0) return fields
  const deliveries = others.reduce((sum, ingest) => sum + held(ingest), 0)
  return [
    ...fields,
    ['spool', `and ${displayCount(others.length)} more, with ${displayCount(deliveries)} in all`],
  ]
}

function describeSpool(spool: NonNullable<IngestReport['spool']>): string {
  const { deliveries, bytes, maxBytes, notEmptySinceMs } = spool
  if (deliveries === 0) return 'empty'
  const since = notEmptySinceMs === null ? '' : ` since ${describeTime(notEmptySinceMs)}`
  return `${displayCountOf(deliveries, 'delivery', 'deliveries')}, ${displayBytes(bytes)} of ${displayBytes(maxBytes)}${since}`
}

/** A worker looks each second. */
const looksStopAfterMs = 10_000

function describeCompleteness(
  { at, reason, updatedAt }: NonNullable<Status['facts']['completeUntil']>,
  { isReplica }: { isReplica: boolean },
): string {
  const isKept = updatedAt !== null && Date.now() - Date.parse(updatedAt) < looksStopAfterMs
  const since = updatedAt ?? 'the migration'
  const isOld = isReplica
    ? `the replica knows of no look since ${since}`
    : `no worker has looked since ${since}`
  const why = isKept ? displayValue(reason) : isOld
  return `${at ?? 'not known yet'}: ${why}`
}

function describeFeed({ heldSeconds, refusal }: FeedState): string {
  if (refusal !== null) return 'refuses its readers'
  return heldSeconds < 1 ? 'shows every change' : `is behind by ${displaySpan(heldSeconds)}`
}

function renderPosts({ accepted, refused }: ReturnType<typeof sumPosts>): string {
  const rows = [
    ['accepted', displayCount(accepted)],
    ...Object.entries(refused).map(([code, count]) => [code, coloured('yellow', displayCount(count))]),
  ]
  return `${title('POSTs of the last hour')}\n${indent(alignColumns(rows, { rightAligned: [1] }))}`
}

function renderLedger(
  counts: NonNullable<Status['facts']['outcomes']>['sinceThen'],
  reasons: RejectReasons | undefined,
  since: Date,
): string {
  const { stored, duplicate, superseded, rejected } = counts
  const rows = [
    ['stored', displayCount(stored)],
    ['duplicate', displayCount(duplicate)],
    ['superseded', displayCount(superseded)],
    ['rejected', rejected === 0 ? '0' : coloured('yellow', displayCount(rejected))],
    ['total', displayCount(stored + duplicate + superseded + rejected)],
  ]
  const minute = since.toISOString().replace(':00.000Z', 'Z')
  const lines = [
    title(`Ledger (deliveries since ${minute})`),
    indent(alignColumns(rows, { rightAligned: [1] })),
    ...(reasons && reasons.counts.length > 0
      ? [renderParagraph(describeReasons(reasons, rejected), { indentColumns: 2 })]
      : []),
  ]
  return lines.join('\n')
}

function describeReasons({ counts, deliveries }: RejectReasons, rejected: number): string {
  const list = counts.map(({ code, deliveries: count }) => `${displayValue(code)} ${displayCount(count)}`)
  const of = deliveries < rejected ? `of the latest ${displayCount(deliveries)} rejected` : 'of the rejected'
  return `${of}: ${list.join(', ')}`
}

function renderConsumers({ consumers, consumerCount }: FeedState): string {
  const rows = consumers.map(({ name, state, lagSeconds }) => [
    shorten(displayValue(name), 40),
    state,
    lagSeconds === null || state === 'up to date' ? '' : `${displayCount(Math.floor(lagSeconds))} s`,
  ])
  const more = consumerCount - consumers.length
  return [
    title('Consumers (of changes)'),
    indent(alignColumns(rows, { rightAligned: [2] })),
    ...(more > 0 ? [`  and ${displayCount(more)} more`] : []),
  ].join('\n')
}

const shownProcesses = 20

function renderProcesses(running: readonly RunningProcess[]): string {
  const sorted = running.toSorted((one, other) => nameOf(one).localeCompare(nameOf(other)))
  const rows = sorted
    .slice(0, shownProcesses)
    .map((process) => [
      process.service,
      shorten(displayValue(process.version), 10),
      displaySpan(Math.max(0, process.clockMs - process.startedAtMs) / 1000),
      describeProcess(process),
      shorten(displayValue(process.place), 24),
    ])
  const table = renderTable(['PROCESS', 'VERSION', 'UP FOR', 'STATE', 'PLACE'], rows, { rightAligned: [2] })
  const more = running.length - shownProcesses
  return more > 0 ? `${table}\nand ${displayCount(more)} more` : table
}

function nameOf({ service, place, id }: RunningProcess): string {
  return `${service} ${place} ${id}`
}

function describeProcess(process: RunningProcess): string {
  if (process.service === 'worker') {
    return process.isDatabaseThere === false ? 'cannot write' : 'writes'
  }
  if (process.service === 'console') return ''
  return [process.spool === null ? 'no spool' : 'spool', process.hasSecret ? 'secret' : 'no secret'].join(
    ', ',
  )
}

function renderServers({ facts }: Status): string {
  const { redis, postgres, partitions, replica } = facts
  const fields: Field[] = []
  if (redis !== undefined) {
    const of = redis.maxBytes === null ? ', no maxmemory' : ` of ${displayBytes(redis.maxBytes)}`
    const settings = [
      `appendonly ${redis.isAppendOnly ? 'yes' : 'no'}`,
      `appendfsync ${redis.appendFsync ?? 'not known'}`,
      redis.evictionPolicy ?? 'maxmemory-policy not known',
    ].join(', ')
    const node = redis.node === null ? '' : `fullest primary ${redis.node}; `
    fields.push(['Redis', `${node}${redis.version}; ${displayBytes(redis.usedBytes)}${of}; ${settings}`])
  }
  if (postgres !== undefined && partitions !== undefined) {
    const months = displayCountOf(partitions.months, 'month', 'months')
    const until = partitions.latest === null ? '' : `, up to ${partitions.latest.slice(-7).replace('_', '-')}`
    const of = replica == null ? '' : `; a replica ${describeReplica(replica)}`
    fields.push(['Postgres', `${postgres.version}; ledger of ${months}${until}${of}`])
  }
  fields.push(['vss', pipelineVersion])
  return renderPart('Versions', fields)
}

/** The verdict has the gravest error already. */
function renderFindings({ findings, verdict }: Status): string {
  const others = verdict.level === 'error' && verdict.exit === 1 ? findings.slice(1) : findings
  if (others.length === 0) return ''
  const heading = verdict.level === 'error' ? 'Further findings' : 'Findings'
  return `${title(heading)}\n${renderFindingLines(others)}`
}

function renderPart(heading: string, fields: readonly Field[]): string {
  return fields.length === 0 ? '' : `${title(heading)}\n${renderFields(fields)}`
}

function describeTime(ms: number): string {
  const at = new Date(Math.floor(ms / 1000) * 1000).toISOString().replace('.000Z', 'Z')
  return `${at} (${displaySpan(Math.max(0, Date.now() - ms) / 1000)} ago)`
}

/** A count that should be 0, coloured where it is not. */
function notable(colour: 'yellow' | 'red', count: number, word: string): string {
  const text = `${displayCount(count)} ${word}`
  return count === 0 ? text : coloured(colour, text)
}

function coloured(colour: 'green' | 'yellow' | 'red', text: string): string {
  return styleText(colour, text, { stream: process.stdout })
}
