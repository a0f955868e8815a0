import { type Command, Option } from 'commander'
import { parseAmount, parseBytes, parseDays, parseDuration, parseFactor, wholeNumber } from './arguments.ts'
import { displayJson } from './text.ts'

interface CapacityOptions {
  eventsPerDay: number
  peak: number
  retention: number
  bodies?: number
  ledger?: number
  sessions?: number
  outage: number
  pipelines?: number
  ingests?: number
  workers?: number
  primaries?: number
  redisMemory: number
  postgresCores: number
  postgresMemory: number
  postgresDisk: number
  postgresIops: number
  json?: true
}

/** Half of what a fast disk of a cloud writes. */
const postgresLogBytesPerSecond = 250e6

const parseCount = wholeNumber(1, 100_000)
const parseOperations = wholeNumber(100, 100_000_000)

export function addCapacity(program: Command): void {
  program
    .command('capacity')
    .description('Computes the cores, memory, disk and connections that a load needs. Asks no server.')
    .requiredOption('--events-per-day <count>', 'such as 250k, 10M or 1e9', parseAmount)
    .option('--peak <factor>', 'the busiest seconds, as a multiple of the mean', parseFactor, 4)
    .option('--retention <days>', 'how long rows are kept', parseDays, 30)
    .option('--bodies <days>', 'the same for bodies alone', parseDays)
    .option('--ledger <days>', 'the same for the ledger alone', parseDays)
    .option('--sessions <days>', 'the same for sessions and legs alone', parseDays)
    .addOption(withDefault('--outage <span>', 'of Postgres, that Redis must outlast', parseDuration, '1h'))
    .option('--pipelines <count>', 'as if there were so many', parseCount)
    .option('--ingests <count>', 'as if each pipeline had so many', parseCount)
    .option('--workers <count>', 'as if each pipeline had so many', parseCount)
    .option('--primaries <count>', 'as if the Redis of each had so many', parseCount)
    .addOption(withDefault('--redis-memory <size>', 'maxmemory of a primary', parseBytes, '32GiB'))
    .option('--postgres-cores <count>', 'cores of its machine', parseCount, 32)
    .addOption(withDefault('--postgres-memory <size>', 'memory of its machine', parseBytes, '256GiB'))
    .addOption(withDefault('--postgres-disk <size>', 'its disk', parseBytes, '16TiB'))
    .option(
      '--postgres-iops <count>',
      'pages that its disk reads and writes a second',
      parseOperations,
      16_000,
    )
    .option('--json', 'as JSON, for programs')
    .addHelpText(
      'after',
      `
The figures are measured ones, of made-up events of 1.75 legs; docs/scaling.md
says which and how. It exits with 1 when the numbers that are given are too few.

Examples:
  vss capacity --events-per-day 10M --retention 90d
  vss capacity --events-per-day 1e9 --peak 4 --bodies 7d --ledger 400d
  vss capacity --events-per-day 50M --ingests 2 --workers 2 --json`,
    )
    .action(runCapacity)
}

/** An option whose help shows its default as one types it. */
function withDefault(
  flags: string,
  description: string,
  parse: (text: string) => number,
  value: string,
): Option {
  return new Option(flags, description).argParser(parse).default(parse(value), value)
}

async function runCapacity(options: CapacityOptions): Promise<void> {
  const { planCapacity } = await import('./capacity/model.ts')
  const { eventsPerDay, peak, retention, outage, pipelines, ingests, workers, primaries } = options
  const { bodies = retention, ledger = retention, sessions = retention } = options
  const demand = {
    eventsPerDay,
    peak,
    // A body is kept no longer than its row of the ledger.
    retentionDays: { bodies: Math.min(bodies, ledger), ledger, sessions },
    outageSeconds: outage / 1_000,
  }
  const machines = {
    redis: { memoryBytes: options.redisMemory },
    postgres: {
      cores: options.postgresCores,
      memoryBytes: options.postgresMemory,
      diskBytes: options.postgresDisk,
      diskOperationsPerSecond: options.postgresIops,
      logBytesPerSecond: postgresLogBytesPerSecond,
    },
  }
  const capacity = planCapacity(demand, machines, {
    ...(pipelines && { pipelines }),
    ...(ingests && { ingests }),
    ...(workers && { workers }),
    ...(primaries && { primaries }),
  })
  if (options.json) console.log(displayJson({ ...demand, ...capacity }))
  else {
    const { renderCapacity } = await import('./capacity/render.ts')
    console.log(renderCapacity(capacity, demand))
  }
  if (capacity.tooFew.length > 0) process.exitCode = 1
}
