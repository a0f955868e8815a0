import { randomInt } from 'node:crypto'
import { validateHeaderName, validateHeaderValue } from 'node:http'
import { createEnvReader } from '@vss-pipeline/runtime'
import { type Command, Option } from 'commander'
import { collect, parseEndpoint, parseRate, parseShare, wholeNumber } from './arguments.ts'
import { CommandFailure } from './failure.ts'
import { type Bodies, generateBodies, readBodies } from './send/bodies.ts'
import { openIdFile } from './send/id-file.ts'
import { createPace } from './send/pace.ts'
import { createPoster } from './send/post.ts'
import { startProgress } from './send/progress.ts'
import { postAll } from './send/run.ts'
import { renderSummary, summarize } from './send/summary.ts'
import { createTally } from './send/tally.ts'
import { displayJson } from './text.ts'

interface SendOptions {
  count: number
  seed?: string
  dirty: number
  file?: string[]
  url: URL
  header: string
  secret?: string
  rate?: number
  concurrency: number
  ids?: string
  json?: true
}

const defaultUrl = new URL('http://127.0.0.1:8080/webhooks/vss')

export function addSend(program: Command): void {
  program
    .command('send')
    .description('Posts events to an ingest service, and sums up how they were answered.')
    .addOption(
      new Option('--count <number>', 'how many generated events')
        .argParser(wholeNumber(1, 1_000_000_000))
        .default(10),
    )
    .option('--seed <text>', 'generates the same events again (default: a new seed, which is shown)')
    .addOption(
      new Option('--dirty <share>', 'of events that are odd or broken: 0.05, or 5%')
        .argParser(parseShare)
        .default(0),
    )
    .addOption(
      new Option('--file <path>', "post this file's bytes as they are instead (repeatable)")
        .argParser(collect)
        .conflicts(['count', 'seed', 'dirty']),
    )
    .addOption(
      new Option('--url <url>', 'where to post')
        .argParser(parseEndpoint)
        .default(defaultUrl, defaultUrl.href),
    )
    .option('--secret <text>', 'credential of the webhook; safer in VSS_SECRET or VSS_SECRET_FILE')
    .option('--header <name>', 'request header that carries the secret', 'authorization')
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

Examples:
  vss send
  vss send --file test/fixtures/example-completed.json
  vss send --count 100000 --dirty 5% --concurrency 64 --ids acknowledged.txt
  VSS_SECRET=... vss send --url https://example.com/webhooks/vss --rate 50`,
    )
    .action(runSend)
}

async function runSend(options: SendOptions): Promise<void> {
  const { url, concurrency } = options
  const headers = credentialHeaders(options)
  const bodies = await chooseBodies(options)
  const ids = options.ids === undefined ? undefined : openIdFile(options.ids)
  const poster = createPoster({ url, connections: concurrency, headers })
  const tally = createTally()
  const stop = new AbortController()
  process.once('SIGINT', () => stop.abort())

  const progress = startProgress(bodies.total)
  const startedAtMs = performance.now()
  let gaveUpFor: string | null
  try {
    gaveUpFor = await postAll({
      bodies: bodies.values,
      concurrency: Math.min(concurrency, bodies.total),
      waitForTurn: createPace(options.rate, stop.signal),
      post: poster.post,
      tally,
      onAnswer({ deliveryId }) {
        if (deliveryId !== null) ids?.add(deliveryId)
        progress.advance()
      },
      stop,
    })
  } finally {
    progress.stop()
    await poster.close()
    ids?.close()
  }
  const summary = summarize({ url, bodies, tally, elapsedMs: performance.now() - startedAtMs })
  if (options.json) console.log(displayJson(summary))
  else if (summary.latencyMs !== null) console.log(renderSummary(summary))

  if (gaveUpFor !== null) {
    throw new CommandFailure(
      `nothing answers at ${url.href} (${gaveUpFor}): start the pipeline (npm start), or give its address with --url`,
    )
  }
  if (summary.acknowledged < summary.planned) process.exitCode = 1
}

function chooseBodies({ file, count, seed, dirty }: SendOptions): Bodies | Promise<Bodies> {
  if (file !== undefined) return readBodies(file)
  return generateBodies({ count, seed: seed ?? String(randomInt(2 ** 32)), dirtyShare: dirty })
}

function credentialHeaders({ secret, header }: SendOptions): Record<string, string> {
  const credential = secret ?? createEnvReader(process.env).text('VSS_SECRET', { default: '' })
  if (credential === '') return {}
  try {
    validateHeaderName(header)
  } catch {
    throw new CommandFailure(`--header is "${header}": it takes the name of a request header`)
  }
  try {
    validateHeaderValue(header, credential)
  } catch {
    throw new CommandFailure('the secret cannot be sent in a header: it takes printable ASCII characters')
  }
  return { [header]: credential }
}
