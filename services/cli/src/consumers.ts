import type { Consumer } from '@vss-pipeline/reader'
import { displaySpan } from '@vss-pipeline/runtime'
import type { Pool } from '@vss-pipeline/storage'
import type { Command } from 'commander'
import { confirm } from './confirm.ts'
import { withDatabase } from './database.ts'
import { CommandFailure } from './failure.ts'
import { databaseUrlOption, readDatabaseSetting, type SettingsOptions } from './settings.ts'
import { displayJson, displayValue, renderTable, shorten, toSeconds } from './text.ts'

interface ListOptions extends SettingsOptions {
  json?: true
}

interface RemoveOptions extends ListOptions {
  yes?: true
  dryRun?: true
}

export function addConsumers(program: Command, env: NodeJS.ProcessEnv): void {
  const consumers = program
    .command('consumers')
    .description('Shows the consumers of the change feed, and removes one.')
  consumers
    .command('list')
    .description('Shows how far each consumer has come.')
    .option('--json', 'as JSON, for programs')
    .addOption(databaseUrlOption())
    .addHelpText(
      'after',
      `
LAG is the age of the oldest change that the consumer has not committed. A
consumer of another feed has a cursor from before "vss feed restart". The
cursors themselves are long: --json has them.

Examples:
  vss consumers list
  vss consumers list --json | jq '.[] | select(.lagSeconds > 60) | .name'`,
    )
    .action((options: ListOptions) => runList(options, env))
  consumers
    .command('remove')
    .description('Forgets a consumer. When it comes again, it begins anew.')
    .argument('<name>', 'the name of the consumer')
    .option('--yes', 'confirms it')
    .option('--dry-run', 'shows the consumer, and changes nothing')
    .option('--json', 'as JSON, for programs')
    .addOption(databaseUrlOption())
    .addHelpText(
      'after',
      `
On a terminal it asks first, elsewhere it takes --yes.

Examples:
  vss consumers remove billing
  vss consumers remove billing --yes --json`,
    )
    .action((name: string, options: RemoveOptions) => runRemove(name, options, env))
}

async function runList(options: ListOptions, env: NodeJS.ProcessEnv): Promise<void> {
  const database = readDatabaseSetting(options, env)
  const { readConsumers } = await import('@vss-pipeline/reader')
  const consumers = await withDatabase(database, readConsumers)
  if (options.json) console.log(displayJson(consumers))
  else console.log(consumers.length === 0 ? 'there is no consumer' : renderConsumers(consumers))
}

async function runRemove(name: string, options: RemoveOptions, env: NodeJS.ProcessEnv): Promise<void> {
  const database = readDatabaseSetting(options, env)
  const { removeConsumer } = await import('@vss-pipeline/reader')
  const consumer = await withDatabase(database, (pool) => findConsumer(pool, name))
  if (!options.dryRun) {
    await confirm({
      consequence: `consumer ${displayValue(name)} will be forgotten, and begins anew when it comes again`,
      question: 'Remove it?',
      yes: options.yes,
    })
    // A question may wait for long, so that it has no connection open.
    await withDatabase(database, (pool) => removeConsumer(pool, name))
  }
  if (options.json) console.log(displayJson({ removed: !options.dryRun, consumer }))
  else if (options.dryRun) console.log(`would remove\n${renderConsumers([consumer])}`)
  else console.log(`removed consumer ${displayValue(name)}, whose cursor was\n${consumer.cursor}`)
}

async function findConsumer(pool: Pool, name: string): Promise<Consumer> {
  const { readConsumers } = await import('@vss-pipeline/reader')
  const consumer = (await readConsumers(pool)).find((one) => one.name === name)
  if (consumer === undefined) {
    throw new CommandFailure(`there is no consumer "${displayValue(name)}": vss consumers list shows them`)
  }
  return consumer
}

/** A name may have 100 characters, and a line has 80. */
const nameColumns = 30

function renderConsumers(consumers: readonly Consumer[]): string {
  const rows = consumers.map(({ name, state, lagSeconds, committedAt }) => [
    shorten(displayValue(name), nameColumns),
    state,
    lagSeconds === null ? '-' : displaySpan(lagSeconds),
    toSeconds(committedAt),
  ])
  return renderTable(['NAME', 'STATE', 'LAG', 'COMMITTED AT'], rows, { rightAligned: [2] })
}
