import { webhookPath } from '@vss-pipeline/delivery'
import { settings } from '@vss-pipeline/runtime'
import { type Command, Option } from 'commander'
import { collect, parseEndpoint, parseRate, parseShare, wholeNumber } from './arguments.ts'

export interface SendOptions {
  count?: number
  days?: number
  seed?: string
  dirty?: number
  file?: string[]
  url: URL
  header: string
  secret?: string
  rate?: number
  concurrency: number
  ids?: string
  json?: true
}

/** The URL of an ingest on this machine with default settings. */
const defaultUrl = new URL(`http://${settings.HOST.default}:${settings.PORT.default}${webhookPath}`)

export function addSend(program: Command, env: NodeJS.ProcessEnv): void {
  program
    .command('send')
    .description('Posts events to an ingest service, and sums up the answers.')
    .addOption(
      new Option(
        '--count <number>',
        'the number of generated events (default: 10, or 500 a day with --days)',
      ).argParser(wholeNumber(1, 1_000_000_000)),
    )
    .addOption(
      new Option(
        '--days <number>',
        'spread the calls over so many past days, as a company makes them',
      ).argParser(wholeNumber(1, 400)),
    )
    .option('--seed <text>', 'generates the same events again (default: a new seed, which is shown)')
    .addOption(
      new Option(
        '--dirty <share>',
        'the share of events that are odd or broken: 0.05, or 5% (default: 0, or 2% with --days)',
      ).argParser(parseShare),
    )
    .addOption(
      new Option('--file <path>', "post this file's bytes as they are instead (repeatable)")
        .argParser(collect)
        .conflicts(['count', 'days', 'seed', 'dirty']),
    )
    .addOption(
      new Option('--url <url>', 'where to post')
        .argParser(parseEndpoint)
        .default(defaultUrl, defaultUrl.href),
    )
    .option('--secret <text>', 'credential of the webhook; safer in VSS_SECRET or VSS_SECRET_FILE')
    .option('--header <name>', 'request header that carries the secret', settings.WEBHOOK_AUTH_HEADER.default)
    .option('--rate <number>', 'events a second (default: as fast as the answers come)', parseRate)
    .addOption(
      new Option('--concurrency <number>', 'posts at a time').argParser(wholeNumber(1, 4_096)).default(16),
    )
    .option('--ids <path>', 'write the ids of acknowledged deliveries to this file, one a line')
    .option('--json', 'sum up as JSON, for programs')
    .addHelpText(
      'after',
      `
Exits 0 when every post was acknowledged, else 1. Ctrl-C ends it with a summary.
The days of --days end at a full hour. Within an hour, the same seed, days and
count give the same events.

Examples:
  vss send
  vss send --days 30
  vss send --file test/fixtures/example-completed.json
  vss send --count 100000 --dirty 5% --concurrency 64 --ids acknowledged.txt
  VSS_SECRET=... vss send --url https://example.com/webhooks/vss --rate 50`,
    )
    .action(async (options: SendOptions) => {
      const { runSend } = await import('./send/action.ts')
      await runSend(options, env)
    })
}
