import type { FoundSessions, SessionSearch } from '@vss-pipeline/reader'
import { displayCount } from '@vss-pipeline/runtime'
import { type Command, Option } from 'commander'
import { parseMoment, parseUuid, wholeNumber } from './arguments.ts'
import { withDatabase } from './database.ts'
import { CommandFailure, UsageError } from './failure.ts'
import { renderSessionList } from './session-list.ts'
import { databaseUrlOption, readReplicaSetting, type SettingsOptions } from './settings.ts'
import { displayJson } from './text.ts'
import { readTypedNumber } from './typed-number.ts'

interface FindOptions extends SettingsOptions {
  number?: string
  virtualNumber?: string
  requestId?: string
  callId?: string
  subAccount?: string
  status?: string
  anomaly?: string
  since?: Date
  until?: Date
  before?: string
  limit: number
  json?: true
}

const dayMs = 24 * 60 * 60 * 1_000
/** Somebody waits for the answer, and the database has other work. */
const longestSearchMs = 10_000

export function addFind(sessions: Command, env: NodeJS.ProcessEnv): void {
  sessions
    .command('find')
    .description('Finds sessions, the latest first. Each option given must apply.')
    .option('--number <number>', "the caller's or callee's, or its last digits (4 or more)")
    .option('--virtual-number <number>', 'your own number, or its last digits')
    .option('--request-id <text>', 'the client request id')
    .addOption(new Option('--call-id <id>', 'the id of a leg').argParser(parseUuid))
    .option('--sub-account <id>', 'the sub-account id')
    .option('--status <status>', 'such as COMPLETED or "no answer"')
    .option('--anomaly <code>', 'sessions with this anomaly')
    .addOption(
      new Option(
        '--since <time>',
        'started then or later: 2026-03-01, 2026-03-01T09:30, or 2h for two hours ago',
      ).argParser(parseMoment),
    )
    .addOption(new Option('--until <time>', 'started before').argParser(parseMoment))
    .option('--before <place>', 'the next page: the place is shown where there are more')
    .addOption(
      new Option('--limit <number>', 'the most sessions to show')
        .argParser(wholeNumber(1, 1_000))
        .default(20),
    )
    .option('--json', 'as JSON, for programs')
    .addOption(databaseUrlOption())
    .addHelpText(
      'after',
      `
A number is read as people write it: +1 (202) 555-0123, 0012025550123. Without +
or 00 it is the end of a number. Other users of this machine may see arguments:
"--number -" reads the number from standard input. The output holds numbers.

A number, a call id and a request id are found whatever their time. Any other
search covers a day unless --since is given. Times are UTC unless they name a
zone.

It exits 1 where nothing is found, and says so.

Examples:
  vss sessions find --number '+1 202 555 0123'
  vss sessions find --sub-account my_account --status BUSY --since 2h
  vss sessions find --request-id order-7 --json | jq '.sessions[].sessionId'`,
    )
    .action((options: FindOptions) => runFind(options, env))
}

async function runFind(options: FindOptions, env: NodeJS.ProcessEnv): Promise<void> {
  const database = readReplicaSetting(options, env)
  const search = await toSearch(options)
  const { findSessions, NoPlaceError } = await import('@vss-pipeline/reader')
  const { StorageFault } = await import('@vss-pipeline/storage')
  const found = await withDatabase(
    database,
    async (pool) => {
      try {
        return await findSessions(pool, search)
      } catch (error) {
        if (error instanceof NoPlaceError) {
          throw new UsageError('--before takes the place that a page before has shown', { cause: error })
        }
        if (!(error instanceof StorageFault && error.sqlState === statementTimedOut)) throw error
        throw new CommandFailure(
          `the search took longer than ${longestSearchMs / 1_000} s: give --since and --until for a shorter time, or more of the number`,
          { cause: error },
        )
      }
    },
    { statementTimeoutMs: longestSearchMs },
  )
  const isDefaultSince = search.since !== undefined && options.since === undefined
  if (options.json) {
    const { since = null, until = null } = search
    console.log(displayJson({ ...found, since, until }))
  } else if (found.sessions.length > 0) {
    console.log(renderFound(found, isDefaultSince ? search.since : undefined))
  }
  if (found.sessions.length === 0) {
    const reach = isDefaultSince
      ? ` since ${search.since!.toISOString()}: --since looks further back`
      : ': it may still wait in the queue (see vss status), or was rejected (see the view vss.rejected)'
    throw new CommandFailure(`no session is like that${reach}`)
  }
}

/** SQLSTATE query_canceled. */
const statementTimedOut = '57014'

/** @throws UsageError */
async function toSearch(options: FindOptions): Promise<SessionSearch> {
  const { requestId, callId, subAccount, until, before, limit } = options
  if (options.number === '-' && options.virtualNumber === '-') {
    throw new UsageError('standard input has one number: give - to --number or to --virtual-number')
  }
  const number = options.number === undefined ? null : await readTypedNumber(options.number, '--number')
  const virtualNumber =
    options.virtualNumber === undefined
      ? null
      : await readTypedNumber(options.virtualNumber, '--virtual-number')
  if (options.anomaly !== undefined) await checkAnomaly(options.anomaly)
  const hasIndex = number !== null || requestId !== undefined || callId !== undefined
  const since = options.since ?? (hasIndex ? undefined : new Date((until?.getTime() ?? Date.now()) - dayMs))
  return {
    limit,
    ...(number && { number }),
    ...(virtualNumber && { virtualNumber }),
    ...(requestId !== undefined && { clientRequestId: requestId }),
    ...(callId !== undefined && { callId }),
    ...(subAccount !== undefined && { subAccountId: subAccount }),
    ...(options.status !== undefined && { statuses: [options.status, toDocumented(options.status)] }),
    ...(options.anomaly !== undefined && { anomaly: options.anomaly }),
    ...(since && { since }),
    ...(until && { until }),
    ...(before !== undefined && { before }),
  }
}

/** `NO_ANSWER` of `no answer`. A status that is not documented is stored as it was sent. */
function toDocumented(status: string): string {
  return status
    .trim()
    .toUpperCase()
    .replace(/[\s-]+/g, '_')
}

async function checkAnomaly(code: string): Promise<void> {
  const { anomalyCodes } = await import('@vss-pipeline/vss')
  if ((anomalyCodes as readonly string[]).includes(code)) return
  throw new UsageError(`--anomaly takes one of ${anomalyCodes.join(', ')}`)
}

/** @param since the beginning of the time that was searched, where nobody has said it */
function renderFound({ sessions, next }: FoundSessions, since: Date | undefined): string {
  const count = `${displayCount(sessions.length)} ${sessions.length === 1 ? 'session' : 'sessions'}`
  const reach = since ? ` since ${since.toISOString().slice(0, 19)}Z; --since looks further back` : ''
  const more = next === null ? '' : `\nThere are more: raise --limit, or go on with\n--before ${next}`
  return `${renderSessionList(sessions)}\n\n${count}${reach}${more}`
}
