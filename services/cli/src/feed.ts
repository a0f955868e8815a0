import type { Command } from 'commander'
import { withDatabase } from './database.ts'
import { CommandFailure } from './failure.ts'
import { databaseUrlOption, readDatabaseSetting, type SettingsOptions } from './settings.ts'

interface RestartOptions extends SettingsOptions {
  yes?: true
}

export function addFeed(program: Command, env: NodeJS.ProcessEnv): void {
  const feed = program
    .command('feed')
    .description('Mends the change feed after a restore, an upgrade of Postgres or a failover.')
  feed
    .command('continue')
    .description('Lets cursors go on, after pg_upgrade or a failover that lost nothing.')
    .addOption(databaseUrlOption())
    .addHelpText(
      'after',
      `
It refuses when a session or a consumer is ahead of the server.

Examples:
  DATABASE_URL_FILE=/run/secrets/database-url vss feed continue`,
    )
    .action((options: SettingsOptions) => runContinue(options, env))
  feed
    .command('restart')
    .description('Begins a new feed, after a restore or a failover that lost transactions.')
    .option('--yes', 'confirms it')
    .addOption(databaseUrlOption())
    .addHelpText(
      'after',
      `
Every session comes once more, and earlier cursors are refused. Nobody can use
vss.sessions meanwhile: about a second for a million sessions.

Examples:
  DATABASE_URL_FILE=/run/secrets/database-url vss feed restart --yes`,
    )
    .action((options: RestartOptions) => runRestart(options, env))
}

async function runContinue(options: SettingsOptions, env: NodeJS.ProcessEnv): Promise<void> {
  const database = readDatabaseSetting(options, env)
  const { continueFeed } = await import('@vss-pipeline/storage')
  const feedId = await withDatabase(database, continueFeed)
  console.log(`feed ${feedId} goes on: cursors stay good`)
}

async function runRestart(options: RestartOptions, env: NodeJS.ProcessEnv): Promise<void> {
  const database = readDatabaseSetting(options, env)
  if (!options.yes) {
    throw new CommandFailure(
      'a restart makes every consumer read all sessions again: give --yes to confirm it',
    )
  }
  const { restartFeed } = await import('@vss-pipeline/storage')
  const feedId = await withDatabase(database, restartFeed)
  console.log(`feed ${feedId} begins: consumers read from the beginning`)
}
