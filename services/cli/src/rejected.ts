import { type Command, Option } from 'commander'
import { parseMoment, parseUuid } from './arguments.ts'
import { databaseUrlOption, type SettingsOptions } from './settings.ts'

export interface RejectedOptions extends SettingsOptions {
  since?: Date
  until?: Date
  json?: true
}

export interface ShowRejectedOptions extends SettingsOptions {
  json?: true
}

export interface ExportOptions extends Omit<RejectedOptions, 'json'> {
  reason?: string
  path?: string
}

const timeOptions = () => [
  new Option(
    '--since <time>',
    'received then or later: 2026-03-01, 2026-03-01T09:30, or 2h; 7 days ago by default',
  ).argParser(parseMoment),
  new Option('--until <time>', 'received before').argParser(parseMoment),
]

export function addRejected(program: Command, env: NodeJS.ProcessEnv): void {
  const rejected = program
    .command('rejected')
    .description('Shows the deliveries that could not become a row, by reason and place.')
    .option('--json', 'as JSON, for programs')
    .addOption(databaseUrlOption())
    .addHelpText(
      'after',
      `
Deliveries are grouped by their first reason, the most frequent first, and each
group has one to look at. The role vss_reader may do this; to show and export
bodies takes vss_support.

Examples:
  vss rejected --since 2d
  vss rejected show 019a5c7e-5f3a-7cc4-8f0e-0123456789ab
  vss rejected export --reason invalid_field > rejected.jsonl`,
    )
    .action(async (options: RejectedOptions) => {
      const { runGroups } = await import('./rejected/groups.ts')
      await runGroups(options, env)
    })
  for (const option of timeOptions()) rejected.addOption(option)

  rejected
    .command('show')
    .description('Shows one with its body, and marks the places for which it was rejected.')
    .addArgument(rejected.createArgument('<id>', 'of the delivery').argParser(parseUuid))
    .option('--json', 'as JSON, for programs')
    .addOption(databaseUrlOption())
    .addHelpText(
      'after',
      `
The body is broken into lines, one a member, and is otherwise as it was sent.
It holds phone numbers.

Examples:
  vss rejected show 019a5c7e-5f3a-7cc4-8f0e-0123456789ab
  vss rejected show --json 019a5c7e-5f3a-7cc4-8f0e-0123456789ab | jq .reasons`,
    )
    .action(async (id: string, options: ShowRejectedOptions) => {
      const { runShowRejected } = await import('./rejected/show.ts')
      await runShowRejected(id, options, env)
    })

  const exported = rejected
    .command('export')
    .description('Prints them with their bodies as JSON, one a line, the latest first.')
    .option('--reason <code>', 'of the first reason, such as invalid_field')
    .option('--path <path>', 'of the first reason, such as payload.sessionStatus')
    .addOption(databaseUrlOption())
    .addHelpText(
      'after',
      `
bodyText is null where the body is not UTF-8, and bodyBase64 has its bytes.
The output holds phone numbers.

Examples:
  vss rejected export --since 30d > rejected.jsonl
  vss rejected export --reason invalid_field --path payload.sessionStatus \\
    | jq .bodyText`,
    )
    .action(async (options: ExportOptions) => {
      const { runExport } = await import('./rejected/export.ts')
      await runExport(options, env)
    })
  for (const option of timeOptions()) exported.addOption(option)
}
