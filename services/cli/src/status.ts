import { styleText } from 'node:util'
import type { QueueReading, QueueStatus } from '@vss-pipeline/queue'
import type { Finding } from '@vss-pipeline/reader'
import { ConfigError, readSetting } from '@vss-pipeline/runtime'
import type { Outcome } from '@vss-pipeline/vss'
import { type Command, Option } from 'commander'
import { parseDuration } from './arguments.ts'
import { withDatabase } from './database.ts'
import { CommandFailure } from './failure.ts'
import {
  databaseUrlOption,
  displayServer,
  queuePrefixOption,
  readDatabaseSetting,
  readQueuePrefix,
  readRedisSetting,
  redisUrlOption,
  type SettingsOptions,
} from './settings.ts'
import { alignColumns, displayCount, displayJson, indent, renderParagraph, title } from './text.ts'

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
  const [queue, ledger] = await Promise.all([
    valueOrProblem(() => fetchQueue(options, env)),
    valueOrProblem(() => countLedger(options, env, since)),
  ])
  const findings = findAll(
    queue.value ? { queue: queue.value.status, durabilityProblems: queue.value.durabilityProblems } : {},
  )
  const problems = [queue, ledger].flatMap(({ problem }) => problem ?? [])
  if (options.json) {
    const status = {
      queue: queue.value === undefined ? null : flattenQueue(queue.value.status),
      ledger: ledger.value ?? null,
      since: since.toISOString(),
      findings,
      problems,
    }
    console.log(displayJson(status))
  } else {
    const parts = [
      ...(queue.value ? [renderQueue(queue.value.status)] : []),
      ...(ledger.value ? [renderLedger(ledger.value, since)] : []),
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
  const { url, origin } = readRedisSetting(options, env)
  const prefix = readQueuePrefix(options, env)
  const shards = readSetting(env, 'vss', 'QUEUE_SHARDS')
  const { fetchQueueStatus } = await import('@vss-pipeline/queue')
  const { createLogger } = await import('@vss-pipeline/runtime/service')
  const logger = createLogger({ service: 'cli', level: 'silent' })
  try {
    return await fetchQueueStatus({ redisUrl: url, prefix, shards, logger })
  } catch (error) {
    const { message } = error as Error
    throw new CommandFailure(`Redis is away: ${displayServer(url)} (from ${origin}): ${message}`, {
      cause: error,
    })
  }
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

/** A count that should be 0, coloured where it is not. */
function notable(colour: 'yellow' | 'red', count: number): string {
  const text = displayCount(count)
  return count === 0 ? text : styleText(colour, text, { stream: process.stdout })
}
