import { styleText } from 'node:util'
import type { QueueReading, QueueStatus } from '@vss-pipeline/queue'
import type { FeedState, Finding } from '@vss-pipeline/reader'
import { ConfigError, readSetting } from '@vss-pipeline/runtime'
import type { Outcome } from '@vss-pipeline/vss'
import { type Command, Option } from 'commander'
import { parseDuration } from './arguments.ts'
import { withDatabase } from './database.ts'
import { CommandFailure } from './failure.ts'
import { explainRedis } from './redis.ts'
import {
  databaseUrlOption,
  queuePrefixOption,
  readDatabaseSetting,
  readQueuePrefix,
  readRedisSetting,
  redisUrlOption,
  type SettingsOptions,
} from './settings.ts'
import {
  alignColumns,
  displayCount,
  displayJson,
  displayValue,
  indent,
  renderParagraph,
  title,
} from './text.ts'

interface StatusOptions extends SettingsOptions {
  /** Milliseconds. */
  since: number
  json?: true
}

/** The number of deliveries by outcome, and in all. */
type LedgerStatus = Record<Outcome | 'total', number>

const minuteMs = 60_000
const dayMs = 24 * 60 * minuteMs

export function addStatus(program: Command, env: NodeJS.ProcessEnv): void {
  program
    .command('status')
    .description('Shows how many batches wait in the queue, and how the latest deliveries ended.')
    .addOption(
      new Option('--since <span>', 'count deliveries received in the last 15m, 1h or 7d, in whole minutes')
        .argParser(parseDuration)
        .default(dayMs, '24h'),
    )
    .option('--json', 'as JSON, for programs')
    .addOption(databaseUrlOption())
    .addOption(redisUrlOption())
    .addOption(queuePrefixOption())
    .addHelpText(
      'after',
      `
Where Redis or Postgres is away, it says so, shows the other half and exits 1.
It also exits 1 where a finding is an error.

Examples:
  vss status --since 1h
  vss status --json | jq .queue.waiting`,
    )
    .action((options: StatusOptions) => runStatus(options, env))
}

async function runStatus(options: StatusOptions, env: NodeJS.ProcessEnv): Promise<void> {
  const { countedDays, findAll } = await import('@vss-pipeline/reader')
  if (options.since > countedDays * dayMs) {
    throw new CommandFailure(`--since: counts are kept for ${countedDays} days: give at most ${countedDays}d`)
  }
  const since = new Date(Math.floor((Date.now() - options.since) / minuteMs) * minuteMs)
  const [queue, ledger, rows] = await Promise.all([
    valueOrProblem(() => fetchQueue(options, env)),
    valueOrProblem(() => countLedger(options, env, since)),
    valueOrProblem(() => fetchRows(options, env)),
  ])
  const findings = findAll({
    ...(queue.value && { queue: queue.value.status, durabilityProblems: queue.value.durabilityProblems }),
    ...(rows.value && { feed: rows.value.feed }),
  })
  // Two parts come from one database, which may be away.
  const problems = [...new Set([queue, ledger, rows].flatMap(({ problem }) => problem ?? []))]
  if (options.json) {
    const status = {
      queue: queue.value === undefined ? null : flattenQueue(queue.value.status),
      ledger: ledger.value ?? null,
      completeUntil: rows.value?.completeUntil ?? null,
      feed: rows.value?.feed ?? null,
      since: since.toISOString(),
      findings,
      problems,
    }
    console.log(displayJson(status))
  } else {
    const parts = [
      ...(queue.value ? [renderQueue(queue.value.status)] : []),
      ...(ledger.value ? [renderLedger(ledger.value, since)] : []),
      ...(rows.value ? [renderCompleteUntil(rows.value.completeUntil)] : []),
      ...(rows.value && rows.value.feed.consumerCount > 0 ? [renderConsumers(rows.value.feed)] : []),
      ...(findings.length > 0 ? [renderFindings(findings)] : []),
    ]
    if (parts.length > 0) console.log(parts.join('\n\n'))
  }
  for (const problem of problems) process.stderr.write(`vss: ${problem}\n`)
  if (problems.length > 0 || findings.some(({ level }) => level === 'error')) process.exitCode = 1
}

/** Reads one half of the status. @returns its value, or the problem where it cannot be read. */
async function valueOrProblem<Value>(
  read: () => Promise<Value>,
): Promise<{ value?: Value; problem?: string }> {
  try {
    return { value: await read() }
  } catch (error) {
    if (!(error instanceof CommandFailure || error instanceof ConfigError)) throw error
    return { problem: error.message }
  }
}

async function fetchQueue(options: StatusOptions, env: NodeJS.ProcessEnv): Promise<QueueReading> {
  const redis = readRedisSetting(options, env)
  const prefix = readQueuePrefix(options, env)
  const shards = readSetting(env, 'vss', 'QUEUE_SHARDS')
  const { fetchQueueStatus } = await import('@vss-pipeline/queue')
  const { createLogger } = await import('@vss-pipeline/runtime/service')
  const logger = createLogger({ service: 'cli', level: 'silent' })
  return await explainRedis(redis, () => fetchQueueStatus({ redisUrl: redis.url, prefix, shards, logger }))
}

async function countLedger(
  options: StatusOptions,
  env: NodeJS.ProcessEnv,
  since: Date,
): Promise<LedgerStatus> {
  const database = readDatabaseSetting(options, env)
  const { countByOutcome } = await import('@vss-pipeline/reader')
  const counts = await withDatabase(database, (pool) => countByOutcome(pool, since))
  const total = counts.stored + counts.duplicate + counts.superseded + counts.rejected
  return { ...counts, total }
}

/** How complete the rows are, and who follows them. */
interface RowsStatus {
  completeUntil: { at: string | null; reason: string; updatedAt: string | null }
  feed: FeedState
}

async function fetchRows(options: StatusOptions, env: NodeJS.ProcessEnv): Promise<RowsStatus> {
  const database = readDatabaseSetting(options, env)
  const { readFeedState } = await import('@vss-pipeline/reader')
  const { readWatermark } = await import('@vss-pipeline/storage')
  return await withDatabase(database, async (pool) => {
    const { completeUntilMs, reason, updatedAtMs } = await readWatermark(pool)
    const [at = null, updatedAt = null] = [completeUntilMs, updatedAtMs].map((ms) =>
      ms === null ? null : new Date(ms).toISOString(),
    )
    return { completeUntil: { at, reason, updatedAt }, feed: await readFeedState(pool) }
  })
}

function flattenQueue({ jobs, deliveries, oldestWaitingSeconds }: QueueStatus): Record<string, number> {
  return { ...jobs, deliveries, oldestWaitingSeconds }
}

function renderQueue({ jobs, deliveries, oldestWaitingSeconds }: QueueStatus): string {
  const rows = [
    ['waiting', displayCount(jobs.waiting)],
    ['active', displayCount(jobs.active)],
    ['delayed', notable('yellow', jobs.delayed)],
    ['failed', notable('red', jobs.failed)],
    ['deliveries', displayCount(deliveries)],
    ['oldest waiting', `${oldestWaitingSeconds.toFixed(1)} s`],
  ]
  return `${title('Queue (batches)')}\n${indent(alignColumns(rows, { rightAligned: [1] }))}`
}

function renderLedger(ledger: LedgerStatus, since: Date): string {
  const rows = [
    ['stored', displayCount(ledger.stored)],
    ['duplicate', displayCount(ledger.duplicate)],
    ['superseded', displayCount(ledger.superseded)],
    ['rejected', notable('yellow', ledger.rejected)],
    ['total', displayCount(ledger.total)],
  ]
  const minute = since.toISOString().replace(':00.000Z', 'Z')
  return `${title(`Ledger (deliveries since ${minute})`)}\n${indent(alignColumns(rows, { rightAligned: [1] }))}`
}

/** A worker looks each second. */
const looksStopAfterMs = 10_000

function renderCompleteUntil({ at, reason, updatedAt }: RowsStatus['completeUntil']): string {
  const isKept = updatedAt !== null && Date.now() - Date.parse(updatedAt) < looksStopAfterMs
  const why = isKept ? reason : `no worker has looked since ${updatedAt ?? 'the migration'}`
  return `${title('Complete until')}\n${renderParagraph(`${at ?? 'not known yet'}: ${why}`, { indentColumns: 2 })}`
}

function renderConsumers({ consumers, consumerCount }: FeedState): string {
  const rows = consumers.map(({ name, state, lagSeconds }) => [
    displayShort(name, 40),
    state,
    lagSeconds === null || state === 'up to date' ? '' : `${displayCount(Math.floor(lagSeconds))} s`,
  ])
  const lines = indent(alignColumns(rows, { rightAligned: [2] }))
  const more = consumerCount - consumers.length
  return [
    title('Consumers (of changes)'),
    lines,
    ...(more > 0 ? [`  and ${displayCount(more)} more`] : []),
  ].join('\n')
}

function renderFindings(findings: readonly Finding[]): string {
  const lines = findings.flatMap(({ level, text, remedy }) => {
    const word = styleText(level === 'error' ? 'red' : 'yellow', level, { stream: process.stdout })
    return [
      renderParagraph(`${word}: ${text}`, { indentColumns: 2 }),
      renderParagraph(remedy, { indentColumns: 4 }),
    ]
  })
  return [title('Findings'), ...lines].join('\n')
}

/** A value that somebody else chose, cut to so many characters. */
function displayShort(value: string, characters: number): string {
  const text = displayValue(value)
  return text.length <= characters ? text : `${text.slice(0, characters - 1)}…`
}

/** A count that should be 0, coloured where it is not. */
function notable(colour: 'yellow' | 'red', count: number): string {
  const text = displayCount(count)
  return count === 0 ? text : styleText(colour, text, { stream: process.stdout })
}
