import type { RestartPlan } from '@vss-pipeline/reader'
import { displayCount } from '@vss-pipeline/runtime'
import type { Command } from 'commander'
import { confirm } from './confirm.ts'
import { withDatabase } from './database.ts'
import { databaseUrlOption, readDatabaseSetting, type SettingsOptions } from './settings.ts'
import { displayJson, displayValue, renderParagraph } from './text.ts'

interface ContinueOptions extends SettingsOptions {
  json?: true
}

interface RestartOptions extends ContinueOptions {
  yes?: true
  dryRun?: true
}

export function addFeed(program: Command, env: NodeJS.ProcessEnv): void {
  const feed = program
    .command('feed')
    .description('Mends the change feed after a restore, an upgrade of Postgres or a failover.')
  feed
    .command('continue')
    .description('Lets cursors go on, after pg_upgrade, or a failover where no worker runs.')
    .option('--json', 'as JSON, for programs')
    .addOption(databaseUrlOption())
    .addHelpText(
      'after',
      `
After a failover cursors go back to the last heartbeat that survived. A worker
that runs does this by itself. It refuses when a session or a consumer is ahead
of the server.

Examples:
  DATABASE_URL_FILE=/run/secrets/database-url vss feed continue`,
    )
    .action((options: ContinueOptions) => runContinue(options, env))
  feed
    .command('restart')
    .description('Begins a new feed, after a restore on another server.')
    .option('--yes', 'confirms it')
    .option('--dry-run', 'shows what would happen, and changes nothing')
    .option('--json', 'as JSON, for programs')
    .addOption(databaseUrlOption())
    .addHelpText(
      'after',
      `
Every session comes once more, and earlier cursors are refused. Nobody can use
vss.sessions meanwhile: about a second for a million sessions. On a terminal it
asks first, elsewhere it takes --yes.

Examples:
  vss feed restart --dry-run
  DATABASE_URL_FILE=/run/secrets/database-url vss feed restart --yes`,
    )
    .action((options: RestartOptions) => runRestart(options, env))
}

async function runContinue(options: ContinueOptions, env: NodeJS.ProcessEnv): Promise<void> {
  const database = readDatabaseSetting(options, env)
  const { continueFeed } = await import('@vss-pipeline/storage')
  const feedId = await withDatabase(database, continueFeed)
  console.log(options.json ? displayJson({ feedId }) : `feed ${feedId} goes on: cursors are good`)
}

async function runRestart(options: RestartOptions, env: NodeJS.ProcessEnv): Promise<void> {
  const database = readDatabaseSetting(options, env)
  const { readRestartPlan } = await import('@vss-pipeline/reader')
  const plan = await withDatabase(database, readRestartPlan)
  if (options.dryRun) {
    console.log(options.json ? displayJson({ restarted: false, ...plan }) : renderPlan(plan))
    return
  }
  await confirm({
    consequence: 'a restart makes every consumer read all sessions again',
    details: displayPlan(plan),
    question: 'Restart the feed?',
    yes: options.yes,
  })
  const { restartFeed } = await import('@vss-pipeline/storage')
  const feedId = await withDatabase(database, restartFeed)
  if (options.json) console.log(displayJson({ restarted: true, feedId, ...plan }))
  else console.log(`feed ${feedId} begins: consumers read from the beginning`)
}

function renderPlan(plan: RestartPlan): string {
  const names = plan.consumers.map((name) => renderParagraph(displayValue(name), { indentColumns: 2 }))
  return [displayPlan(plan), ...names].join('\n')
}

function displayPlan({ sessions, isExact, consumers }: RestartPlan): string {
  const again = `${isExact ? '' : 'about '}${counted(sessions, 'session comes', 'sessions come')} again`
  const refused =
    consumers.length === 0
      ? 'no consumer is refused'
      : `${counted(consumers.length, 'consumer is', 'consumers are')} refused until removed`
  return `${again}; ${refused}`
}

function counted(count: number, one: string, many: string): string {
  return `${displayCount(count)} ${count === 1 ? one : many}`
}
