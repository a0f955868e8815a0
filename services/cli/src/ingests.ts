import { displaySpan } from '@vss-pipeline/runtime'
import type { KnownIngest } from '@vss-pipeline/storage'
import type { Command } from 'commander'
import { confirm } from './confirm.ts'
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
import { displayJson, displayValue, renderTable, shorten } from './text.ts'

interface ListOptions extends SettingsOptions {
  json?: true
}

interface ForgetOptions extends ListOptions {
  yes?: true
  dryRun?: true
}

export function addIngests(program: Command, env: NodeJS.ProcessEnv): void {
  const ingests = program
    .command('ingests')
    .description('Shows the ingests that the watermark goes by, and forgets one.')
  ingests
    .command('list')
    .description('Shows how far each ingest is, as of its last word.')
    .option('--json', 'as JSON, for programs')
    .addOption(databaseUrlOption())
    .addHelpText(
      'after',
      `
An ingest that runs speaks each second. One that has ended with deliveries in
its spool stays in the list, and holds vss.watermark, until another process has
its spool. BEHIND is the age of the oldest delivery that it may hold.

Examples:
  vss ingests list
  vss ingests list --json | jq '.[].place'`,
    )
    .action((options: ListOptions) => runList(options, env))
  ingests
    .command('forget')
    .description('Lets vss.watermark go on without an ingest whose spool is lost.')
    .argument('<id>', 'the id of the ingest, as the list shows it')
    .option('--yes', 'confirms it')
    .option('--dry-run', 'shows the ingest, and changes nothing')
    .option('--json', 'as JSON, for programs')
    .addOption(databaseUrlOption())
    .addOption(redisUrlOption())
    .addOption(queuePrefixOption())
    .addHelpText(
      'after',
      `
Do this only when its disk is gone: the watermark then passes deliveries that
were acknowledged and are lost. An ingest that runs is not forgotten. On a
terminal it asks first, elsewhere it takes --yes.

Examples:
  vss ingests forget 4be1c0c0a3f1d1c5e4d7a9b2c3d4e5f6`,
    )
    .action((id: string, options: ForgetOptions) => runForget(id, options, env))
}

async function runList(options: ListOptions, env: NodeJS.ProcessEnv): Promise<void> {
  const ingests = await readIngests(options, env)
  if (options.json) console.log(displayJson(ingests.map(toJson)))
  else console.log(ingests.length === 0 ? 'no ingest is known' : renderIngests(ingests))
}

async function runForget(id: string, options: ForgetOptions, env: NodeJS.ProcessEnv): Promise<void> {
  const ingest = (await readIngests(options, env)).find((one) => one.id === id)
  if (ingest === undefined) {
    throw new CommandFailure(`there is no ingest "${displayValue(id)}": vss ingests list shows them`)
  }
  if (!options.dryRun) {
    await confirm({
      consequence: 'the watermark will pass deliveries that this ingest has in its spool',
      question: `Forget ingest ${displayValue(id)} (${displayValue(ingest.place)})?`,
      yes: options.yes,
    })
    await forget(ingest, options, env)
  }
  if (options.json) console.log(displayJson({ forgotten: !options.dryRun, ingest: toJson(ingest) }))
  else
    console.log(
      options.dryRun ? `would forget\n${renderIngests([ingest])}` : `forgot ingest ${displayValue(id)}`,
    )
}

async function readIngests(
  options: SettingsOptions,
  env: NodeJS.ProcessEnv,
): Promise<readonly KnownIngest[]> {
  const database = readDatabaseSetting(options, env)
  const { readWatermark } = await import('@vss-pipeline/storage')
  return (await withDatabase(database, readWatermark)).ingests
}

/** @throws CommandFailure when the ingest runs. */
async function forget({ id }: KnownIngest, options: ForgetOptions, env: NodeJS.ProcessEnv): Promise<void> {
  const redis = readRedisSetting(options, env)
  const prefix = readQueuePrefix(options, env)
  const { retireIngest } = await import('@vss-pipeline/queue')
  const { createLogger } = await import('@vss-pipeline/runtime/service')
  const logger = createLogger({ service: 'cli', level: 'silent' })
  const result = await explainRedis(redis, () => retireIngest({ redisUrl: redis.url, prefix, logger, id }))
  if (result === 'running') {
    throw new CommandFailure(`ingest ${displayValue(id)} runs: stop it first, and it says goodbye by itself`)
  }
  const { forgetIngest } = await import('@vss-pipeline/storage')
  await withDatabase(readDatabaseSetting(options, env), (pool) => forgetIngest(pool, id))
}

function toJson({ id, place, hasSpool, untilMs, toldAtMs }: KnownIngest) {
  const [completeUntil, toldAt] = [untilMs, toldAtMs].map((ms) => new Date(ms).toISOString())
  return { id, place, hasSpool, completeUntil, toldAt }
}

const placeColumns = 20

function renderIngests(ingests: readonly KnownIngest[]): string {
  const now = Date.now()
  const since = (ms: number) => displaySpan(Math.max(0, now - ms) / 1000)
  const rows = ingests.map(({ id, place, untilMs, toldAtMs }) => [
    displayValue(id),
    since(toldAtMs),
    since(untilMs),
    shorten(displayValue(place), placeColumns),
  ])
  return renderTable(['INGEST', 'LAST WORD', 'BEHIND', 'PLACE'], rows, { rightAligned: [1, 2] })
}
