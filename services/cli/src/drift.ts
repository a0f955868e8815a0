import type { DriftRow } from '@vss-pipeline/reader'
import { displayCount } from '@vss-pipeline/runtime'
import type { Command } from 'commander'
import { parseDuration } from './arguments.ts'
import { withDatabase } from './database.ts'
import { databaseUrlOption, readReplicaSetting, type SettingsOptions } from './settings.ts'
import { displayJson, displayValue, indent, renderParagraph, title, toSeconds } from './text.ts'

interface DriftOptions extends SettingsOptions {
  /** Milliseconds. */
  since?: number
  json?: true
}

export function addDrift(program: Command, env: NodeJS.ProcessEnv): void {
  program
    .command('drift')
    .description('Shows how events differ from the documentation: new fields, new words, unreadable values.')
    .option('--since <span>', 'only what was seen in the last 30s, 15m, 1h or 7d', parseDuration)
    .option('--json', 'as JSON, for programs')
    .addOption(databaseUrlOption())
    .addHelpText(
      'after',
      `
The latest comes first. Each has a delivery to look at. The output holds no
phone numbers.

Examples:
  vss drift --since 1d
  vss drift --json | jq '.[] | select(.kind == "unknown_field") | .path'`,
    )
    .action((options: DriftOptions) => runDrift(options, env))
}

async function runDrift(options: DriftOptions, env: NodeJS.ProcessEnv): Promise<void> {
  const database = readReplicaSetting(options, env)
  const { readDrift } = await import('@vss-pipeline/reader')
  const since = options.since === undefined ? {} : { since: new Date(Date.now() - options.since) }
  const rows = await withDatabase(database, (pool) => readDrift(pool, since))
  if (options.json) console.log(displayJson(rows))
  else if (rows.length === 0) console.log('no event differed from the documentation')
  else console.log(rows.map(renderRow).join('\n'))
}

function renderRow({
  kind,
  path,
  value,
  deliveries,
  firstSeen,
  lastSeen,
  sampleDeliveryId,
}: DriftRow): string {
  const place = kind === 'other' ? 'all that found no room in vss.drift' : path
  const count = `${displayCount(deliveries)} ${deliveries === 1 ? 'delivery' : 'deliveries'}`
  return [
    title(displayValue(kind)),
    renderParagraph(displayValue(value === '' ? place : `${place}: ${value}`), { indentColumns: 2 }),
    indent(`${count}, ${toSeconds(firstSeen)} to ${toSeconds(lastSeen)}`),
    indent(`such as ${displayValue(sampleDeliveryId)}`),
  ].join('\n')
}
