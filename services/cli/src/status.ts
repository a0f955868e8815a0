import { setTimeout as delay } from 'node:timers/promises'
import { type Command, Option } from 'commander'
import { parseDuration } from './arguments.ts'
import { databaseUrlOption, queuePrefixOption, redisUrlOption, type SettingsOptions } from './settings.ts'

export interface StatusOptions extends SettingsOptions {
  /** Milliseconds. */
  since: number
  watch?: true
  json?: true
}

const dayMs = 86_400_000
const watchIntervalMs = 2_000
const clearScreen = '\u001b[H\u001b[2J\u001b[3J'

export function addStatus(program: Command, env: NodeJS.ProcessEnv): void {
  program
    .command('status')
    .description('Says in one line whether records flow, and then shows each part of the pipeline.')
    .addOption(
      new Option('--since <span>', 'count deliveries received in the last 15m, 1h or 7d, in whole minutes')
        .argParser(parseDuration)
        .default(dayMs, '24h'),
    )
    .option('--watch', 'shows it anew every 2 s, until Ctrl-C')
    .option('--json', 'as JSON, for programs; with --watch one object a line')
    .addOption(databaseUrlOption())
    .addOption(redisUrlOption())
    .addOption(queuePrefixOption())
    .addHelpText(
      'after',
      `
Exit code 0: records flow, or nothing comes and nothing is wrong.
1: something needs you. The first line says what, and what to do.
2: neither Redis nor Postgres answers, so nothing can be told.
docs/operating.md, "Findings", lists all that it finds.

Examples:
  vss status
  vss status --since 1h --watch
  vss status --json | jq -r .verdict.text`,
    )
    .action((options: StatusOptions, command: Command) => runStatus(options, env, command))
}

async function runStatus(options: StatusOptions, env: NodeJS.ProcessEnv, command: Command): Promise<void> {
  const { countedDays } = await import('@vss-pipeline/storage')
  if (options.since > countedDays * dayMs) {
    command.error(`--since: counts are kept for ${countedDays} days: give at most ${countedDays}d`, {
      exitCode: 2,
    })
  }
  do {
    await show(options, env)
    if (options.watch) await delay(watchIntervalMs)
  } while (options.watch)
}

/** Reads and shows the status once, and sets the exit code. */
async function show(options: StatusOptions, env: NodeJS.ProcessEnv): Promise<void> {
  const [{ readStatus }, { toJson }, { renderStatus }, { displayJson, displayJsonLine }] = await Promise.all([
    import('./status/read.ts'),
    import('./status/json.ts'),
    import('./status/render.ts'),
    import('./text.ts'),
  ])
  const status = await readStatus(options, env)
  if (options.json) {
    const json = toJson(status)
    process.stdout.write(`${options.watch ? displayJsonLine(json) : displayJson(json)}\n`)
  } else {
    const clear = options.watch && process.stdout.isTTY ? clearScreen : ''
    process.stdout.write(`${clear}${renderStatus(status)}\n${options.watch ? '\n' : ''}`)
  }
  for (const problem of status.problems) process.stderr.write(`vss: ${problem}\n`)
  process.exitCode = status.verdict.exit
}
