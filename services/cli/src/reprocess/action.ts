import { displayCount, pipelineVersion } from '@vss-pipeline/runtime'
import type { LedgerSelection } from '@vss-pipeline/storage'
import { confirm } from '../confirm.ts'
import { withDatabase } from '../database.ts'
import { CommandFailure, UsageError } from '../failure.ts'
import type { ReprocessCommandOptions } from '../reprocess.ts'
import { readDatabaseSetting } from '../settings.ts'
import { displayJson } from '../text.ts'
import { commandToGoOn } from './go-on.ts'
import { type ReprocessSummary, renderSummary } from './summary.ts'

/** A page of a rare selection may read a month. */
const longestStatementMs = 10 * 60_000

/** Judges the selected deliveries again, and prints what came of it. @throws CommandFailure */
export async function runReprocess(options: ReprocessCommandOptions, env: NodeJS.ProcessEnv): Promise<void> {
  const database = readDatabaseSetting(options, env)
  const selection = selectionOf(options)
  const isDryRun = options.dryRun === true
  if (!isDryRun) {
    await confirm({
      consequence: 'reprocessing writes sessions and outcomes anew',
      details: 'See with --dry-run which.',
      question: 'Judge these deliveries again?',
      yes: options.yes,
    })
  }
  const { createReprocessTally, reprocess } = await import('@vss-pipeline/pipeline')
  const stop = new AbortController()
  // The page in hand is finished. A second signal ends the process at once, which loses nothing either.
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stop.abort())
  const tally = createReprocessTally()
  const startedAtMs = performance.now()
  const summary = (): ReprocessSummary => ({
    dryRun: isDryRun,
    complete: !stop.signal.aborted,
    seconds: (performance.now() - startedAtMs) / 1000,
    ...tally.progress,
  })
  try {
    await withDatabase(
      database,
      async (pool) => {
        const pages = reprocess({
          pool,
          selection,
          pipelineVersion,
          isDryRun,
          ...(options.rate !== undefined && { deliveriesPerSecond: options.rate }),
          signal: stop.signal,
        })
        for await (const page of pages) {
          tally.add(page)
          showProgress(summary())
        }
      },
      { statementTimeoutMs: longestStatementMs },
    )
  } catch (error) {
    hideProgress()
    if (!(error instanceof CommandFailure)) throw error
    throw new CommandFailure(`${error.message}${goOn(options, summary())}`, { cause: error })
  }
  hideProgress()
  const end = summary()
  console.log(options.json ? displayJson(end) : renderSummary(end))
  if (!end.complete) throw new CommandFailure(`stopped${goOn(options, end)}`)
}

function selectionOf(options: ReprocessCommandOptions): LedgerSelection {
  const { since, until = new Date(), outcome, reason, anomaly, session, delivery, writtenBy } = options
  if (since !== undefined && since >= until) throw new UsageError('--since is not before --until')
  return {
    until,
    ...(since !== undefined && { since }),
    ...(outcome !== undefined && { outcomes: [outcome] }),
    ...(reason !== undefined && { reason }),
    ...(reason !== killsWorker && delivery === undefined && { withoutReason: killsWorker }),
    ...(anomaly !== undefined && { anomaly }),
    ...(session !== undefined && { sessionId: session }),
    ...(delivery !== undefined && { deliveryId: delivery }),
    ...(writtenBy !== undefined && { writtenBy }),
  }
}

/** Such a delivery may kill this process as well. */
const killsWorker = 'kills_worker'

function goOn(options: ReprocessCommandOptions, { doneUntil, judged }: ReprocessSummary): string {
  if (doneUntil === null) return ''
  return `: ${displayCount(judged)} judged; go on with: ${commandToGoOn(options, doneUntil)}`
}

/** Shows a line on standard error, where that is a terminal. */
function showProgress({ judged, seconds, doneUntil }: ReprocessSummary): void {
  if (!process.stderr.isTTY) return
  const rate = Math.round(judged / seconds)
  process.stderr.write(
    `\r\u001b[K${displayCount(judged)} judged, ${displayCount(rate)}/s, until ${doneUntil}`,
  )
}

function hideProgress(): void {
  if (process.stderr.isTTY) process.stderr.write('\r\u001b[K')
}
