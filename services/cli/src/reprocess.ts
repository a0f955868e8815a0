import { type Command, Option } from 'commander'
import { parseMoment, parseRate, parseUuid } from './arguments.ts'
import { databaseUrlOption, type SettingsOptions } from './settings.ts'

export interface ReprocessCommandOptions extends SettingsOptions {
  since?: Date
  until?: Date
  outcome?: 'stored' | 'duplicate' | 'superseded' | 'rejected'
  reason?: string
  anomaly?: string
  session?: string
  delivery?: string
  writtenBy?: string
  /** Deliveries a second. */
  rate?: number
  dryRun?: true
  yes?: true
  json?: true
}

export function addReprocess(program: Command, env: NodeJS.ProcessEnv): void {
  program
    .command('reprocess')
    .description('Judges stored deliveries again, from their bodies, with the code of this release.')
    .addOption(
      new Option('--since <time>', 'received then or later: 2026-03-01, 2026-03-01T09:30, or 2h').argParser(
        parseMoment,
      ),
    )
    .addOption(new Option('--until <time>', 'received before; until now by default').argParser(parseMoment))
    .addOption(
      new Option('--outcome <outcome>', 'with this outcome').choices([
        'stored',
        'duplicate',
        'superseded',
        'rejected',
      ]),
    )
    .option('--reason <code>', 'rejected for this reason, such as invalid_field')
    .option('--anomaly <code>', 'about sessions with this anomaly')
    .addOption(new Option('--session <id>', 'about this session').argParser(parseUuid))
    .addOption(new Option('--delivery <id>', 'this delivery').argParser(parseUuid))
    .option('--written-by <version>', 'judged last by this release: see pipeline_version')
    .addOption(new Option('--rate <number>', 'at most so many deliveries a second').argParser(parseRate))
    .option('--dry-run', 'shows what would change, and changes nothing')
    .option('--yes', 'confirms it')
    .option('--json', 'as JSON, for programs')
    .addOption(databaseUrlOption())
    .addHelpText(
      'after',
      `
Each delivery keeps its id and its time of receipt. A rejected one that passes
now makes its session, or is superseded where a newer delivery decides. A
session is written only where its values differ, and then the change feed has
it. A delivery that would be rejected now leaves its session as it stands. A
session that somebody has deleted is not made again.

Start with --dry-run. Workers may run meanwhile: while deliveries wait for them
it slows down. It may be stopped and run again at any time. Deliveries that
killed their workers need --reason kills_worker or --delivery. It takes the
role vss_operator; on a terminal it asks first, elsewhere it takes --yes.

Examples:
  vss reprocess --outcome rejected --since 2d --dry-run
  vss reprocess --outcome rejected --since 2d --yes
  vss reprocess --session 1f048a84-ea6d-11ee-911b-078f7290bf52`,
    )
    .action(async (options: ReprocessCommandOptions) => {
      const { runReprocess } = await import('./reprocess/action.ts')
      await runReprocess(options, env)
    })
}
