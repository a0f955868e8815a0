import type { Command } from 'commander'
import { explainFaults } from './database.ts'
import { databaseUrlOption, readDirectDatabaseSetting, type SettingsOptions } from './settings.ts'

export function addMigrate(program: Command, env: NodeJS.ProcessEnv): void {
  program
    .command('migrate')
    .description(
      'Brings the schema of the database up to date. Safe to repeat, and to run from several places.',
    )
    .addOption(databaseUrlOption())
    .addHelpText(
      'after',
      `
It needs Postgres itself: where DATABASE_URL leads to a pooler, such as
PgBouncer, set DATABASE_DIRECT_URL as well.

Examples:
  DATABASE_URL_FILE=/run/secrets/database-url vss migrate
  vss migrate --database-url postgres://vss@db.example.com/vss`,
    )
    .action((options: SettingsOptions) => runMigrate(options, env))
}

async function runMigrate(options: SettingsOptions, env: NodeJS.ProcessEnv): Promise<void> {
  const database = readDirectDatabaseSetting(options, env)
  const { migrate } = await import('@vss-pipeline/storage/migrate')
  const applied = await explainFaults(database, () => migrate({ databaseUrl: database.url }))
  for (const name of applied) console.log(`applied ${name}`)
  if (applied.length === 0) console.log('schema vss is up to date')
}
