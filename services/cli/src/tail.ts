import { type Command, Option } from 'commander'
import { parsePlace, wholeNumber } from './arguments.ts'
import { databaseUrlOption, type SettingsOptions } from './settings.ts'

export interface TailOptions extends SettingsOptions {
  consumer?: string
  from: string
  format?: 'jsonl' | 'table'
  max?: number
}

export function addTail(program: Command, env: NodeJS.ProcessEnv): void {
  program
    .command('tail')
    .description('Prints the sessions that are new or changed, as they come.')
    .option('--consumer <name>', 'goes on where this consumer was, and commits what is printed')
    .addOption(
      new Option('--from <place>', 'beginning, now, or a cursor').argParser(parsePlace).default('now'),
    )
    .addOption(
      new Option('--format <format>', 'jsonl or table (default: table on a terminal, else jsonl)').choices([
        'jsonl',
        'table',
      ]),
    )
    .addOption(
      new Option('--max <number>', 'ends after so many changes').argParser(wholeNumber(1, 1_000_000_000)),
    )
    .addOption(databaseUrlOption())
    .addHelpText(
      'after',
      `
A consumer that is known goes on behind its last commit, whatever --from says.
What it prints is committed when it is written: after a kill some changes come
again, perhaps behind half a line, and none is missing.

jsonl has a line for each change, with the session and its legs, and so phone
numbers; the table has none. Ctrl-C ends it with exit 0. Standard error tells
when Postgres is away, and which transaction keeps the feed waiting.

Examples:
  vss tail
  vss tail --from beginning --format jsonl | jq .session.status
  vss tail --consumer export --from beginning >> changes.jsonl`,
    )
    .action(async (options: TailOptions) => {
      const { runTail } = await import('./tail/action.ts')
      await runTail(options, env)
    })
}
