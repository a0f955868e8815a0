import type { Expired, Retention } from '@vss-pipeline/reader'
import { displayBytes, displayCountOf, displaySpan } from '@vss-pipeline/runtime'
import type { RetentionDays } from '@vss-pipeline/storage'
import type { Command } from 'commander'
import { wholeNumber } from './arguments.ts'
import { withDatabase } from './database.ts'
import { databaseUrlOption, readDatabaseSetting, type SettingsOptions } from './settings.ts'
import { displayJson, renderTable } from './text.ts'

interface RetentionOptions extends SettingsOptions {
  bodies?: number
  ledger?: number
  sessions?: number
  json?: true
}

/** Rows are counted one by one. */
const longestStatementMs = 10 * 60_000

const parseDays = wholeNumber(1, 36_500)

export function addRetention(program: Command, env: NodeJS.ProcessEnv): void {
  program
    .command('retention')
    .description('Shows what retention would let go of, and the oldest row of each kind. Changes nothing.')
    .option('--bodies <days>', 'as if BODY_RETENTION_DAYS were this', parseDays)
    .option('--ledger <days>', 'as if LEDGER_RETENTION_DAYS were this', parseDays)
    .option('--sessions <days>', 'as if SESSION_RETENTION_DAYS were this', parseDays)
    .option('--json', 'as JSON, for programs')
    .addOption(databaseUrlOption())
    .addHelpText(
      'after',
      `
Workers let go of old rows by their settings; this command looks, as
vss_support or vss_operator. Without options it goes by the settings of the
worker that looked last. A day counts in whole days of UTC. It exits with 1 when
a partition could not be dropped.

Examples:
  vss retention
  vss retention --bodies 30 --ledger 400 --sessions 400
  vss retention --json | jq '.kinds[] | {kind, rows}'`,
    )
    .action((options: RetentionOptions) => runRetention(options, env))
}

async function runRetention(options: RetentionOptions, env: NodeJS.ProcessEnv): Promise<void> {
  const database = readDatabaseSetting(options, env)
  const { readExpired, readRetention } = await import('@vss-pipeline/reader')
  const { states, days, expired } = await withDatabase(
    database,
    async (pool) => {
      const states = await readRetention(pool)
      const days = daysOf(options, states)
      return { states, days, expired: await readExpired(pool, days) }
    },
    { statementTimeoutMs: longestStatementMs },
  )
  const stuck = states.filter(({ stuckPartition }) => stuckPartition !== null)
  if (options.json) console.log(displayJson({ kinds: expired, stuck: stuck.map(toJson) }))
  else console.log([render(expired), ...renderFloor(days, expired), ...stuck.map(renderStuck)].join('\n'))
  if (stuck.length > 0) process.exitCode = 1
}

/** The options, or without any the days that the workers go by. */
function daysOf({ bodies, ledger, sessions }: RetentionOptions, states: readonly Retention[]): RetentionDays {
  if (bodies !== undefined || ledger !== undefined || sessions !== undefined) {
    return { bodies: atMost(bodies, ledger), deliveries: ledger, sessions }
  }
  const daysFor = (kind: Retention['kind']) => states.find((state) => state.kind === kind)?.days ?? undefined
  return { bodies: daysFor('bodies'), deliveries: daysFor('deliveries'), sessions: daysFor('sessions') }
}

/** A body is kept no longer than its row of the ledger. */
function atMost(days: number | undefined, limit: number | undefined): number | undefined {
  return days === undefined || (limit !== undefined && limit < days) ? limit : days
}

function render(expired: readonly Expired[]): string {
  const rows = expired.map(({ kind, days, keptFrom, oldestAt, partitions, rows }) => {
    const bytes = partitions.reduce((sum, partition) => sum + partition.bytes, 0)
    const whole =
      partitions.length === 0
        ? []
        : [`${displayCountOf(partitions.length, 'partition', 'partitions')} of ${displayBytes(bytes)}`]
    const single = rows === 0 ? [] : [displayCountOf(rows, 'row', 'rows')]
    return [
      nameOf(kind),
      days === null ? 'for ever' : displayCountOf(days, 'day', 'days'),
      displayDay(keptFrom),
      displayDay(oldestAt),
      [...whole, ...single].join(', ') || 'nothing',
    ]
  })
  return renderTable(['', 'KEPT', 'FROM', 'OLDEST', 'WOULD GO'], rows)
}

/** The owner of the schema may keep rows for longer than workers ask. */
function renderFloor(asked: RetentionDays, expired: readonly Expired[]): string[] {
  const longer = expired.filter(({ kind, days }) => (days ?? 0) > (asked[kind] ?? Number.POSITIVE_INFINITY))
  return longer.map(
    ({ kind, days }) =>
      `${nameOf(kind)}: kept for ${displayCountOf(days!, 'day', 'days')} at least, by vss.retention_floor`,
  )
}

function nameOf(kind: Expired['kind']): string {
  return kind === 'deliveries' ? 'ledger' : kind
}

function displayDay(time: Date | null): string {
  return time === null ? '-' : time.toISOString().slice(0, 10)
}

function renderStuck({ stuckPartition, stuckSeconds }: Retention): string {
  return `${stuckPartition} could not be dropped for ${displaySpan(stuckSeconds ?? 0)}: a transaction holds its table; end it (docs/operating.md, "Retention")`
}

function toJson({ kind, stuckPartition, stuckSeconds }: Retention) {
  return { kind, partition: stuckPartition, seconds: stuckSeconds }
}
