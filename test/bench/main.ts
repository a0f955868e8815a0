import { writeFile } from 'node:fs/promises'
import { parseArgs } from 'node:util'
import { compareWith } from './against.ts'
import { alignedTables, comparisonTable, markdownReport } from './report.ts'
import type { Bench, Scenario, ScenarioResult } from './scenario.ts'
import { footprint } from './scenarios/footprint.ts'
import { growth } from './scenarios/growth.ts'
import { latency } from './scenarios/latency.ts'
import { quietBacklog } from './scenarios/quiet-backlog.ts'
import { spool } from './scenarios/spool.ts'
import { throughput } from './scenarios/throughput.ts'
import { type BenchServers, startBenchServers } from './servers.ts'
import { type Steps, showStep } from './steps.ts'
import { UsageError } from './usage-error.ts'

const scenarios: readonly Scenario[] = [throughput, latency, quietBacklog, growth, footprint, spool]
const names = scenarios.map(({ name }) => name)
const resultsFile = new URL('./results.md', import.meta.url)

const help = `Measures this pipeline and what could be built instead, side by side, on a Postgres and a Redis of its own.

npm run bench                     everything: about 20 minutes on 2 cores; writes test/bench/results.md
npm run bench -- --only NAME      one scenario, and again for more: ${names.join(', ')}
npm run bench -- --quick          one short round each: whether it runs, not how fast
npm run bench -- --full           adds the large growth rounds: a million queued, ten million stored
npm run bench -- --against REF    this tree and another commit in alternating rounds, about 10 minutes: CPU an event and
                                  rate of ack, drain and end to end
npm run bench -- --postgres 15    on a Postgres that Debian installed, instead of the one of npm
npm run bench -- --json           prints every sample instead of tables
`

interface Arguments {
  only: readonly Scenario[]
  quick: boolean
  full: boolean
  against: string | undefined
  postgres: string | undefined
  json: boolean
}

/** @throws UsageError */
function readArguments(): Arguments {
  const { values } = parseArgs({
    options: {
      only: { type: 'string', multiple: true, default: [] },
      quick: { type: 'boolean', default: false },
      full: { type: 'boolean', default: false },
      against: { type: 'string' },
      postgres: { type: 'string' },
      json: { type: 'boolean', default: false },
      help: { type: 'boolean', short: 'h', default: false },
    },
  })
  if (values.help) {
    process.stdout.write(help)
    process.exit(0)
  }
  const { only, against } = values
  const unknown = only.find((name) => !names.includes(name))
  if (unknown !== undefined) throw new UsageError(`--only got ${unknown}, and takes ${names.join(', ')}`)
  if (against !== undefined && (only.length > 0 || values.full)) {
    throw new UsageError(
      '--against measures ack, drain and end to end: it goes with neither --only nor --full',
    )
  }
  return {
    ...values,
    against,
    postgres: values.postgres,
    only: only.length === 0 ? scenarios : scenarios.filter(({ name }) => only.includes(name)),
  }
}

async function main(args: Arguments): Promise<void> {
  const steps = showStep()
  steps.show('starting Postgres and Redis')
  const servers = await startBenchServers({ postgres: args.postgres, log: (line) => steps.show(line) })
  try {
    await (args.against === undefined ? runScenarios : runComparison)(args, servers, steps)
  } finally {
    steps.clear()
    await servers.stop()
  }
}

async function runScenarios(
  { only, quick, full, postgres, json }: Arguments,
  servers: BenchServers,
  steps: Steps,
): Promise<void> {
  const results: ScenarioResult[] = []
  for (const scenario of only) {
    const bench: Bench = {
      servers,
      rounds: quick ? 1 : 3,
      scale: quick ? 0.1 : 1,
      full,
      onStep: (step) => steps.show(`${scenario.name}: ${step}`),
    }
    for (const result of await scenario.run(bench)) {
      results.push(result)
      steps.clear()
      if (!json) process.stdout.write(`${alignedTables(result)}\n`)
    }
  }
  if (json) process.stdout.write(`${JSON.stringify(results)}\n`)
  if (only.length < scenarios.length || quick || postgres !== undefined) return
  await writeFile(resultsFile, markdownReport(results, servers.versions))
  process.stderr.write('\nWritten to test/bench/results.md.\n')
}

async function runComparison(
  { against, quick, json }: Arguments,
  servers: BenchServers,
  steps: Steps,
): Promise<void> {
  const { title, compared } = await compareWith(against!, {
    servers,
    quick,
    onStep: (step) => steps.show(step),
  })
  steps.clear()
  process.stdout.write(`${json ? JSON.stringify({ title, compared }) : comparisonTable(title, compared)}\n`)
}

// The servers' folder is removed, and they with it, when this process exits.
process.once('SIGINT', () => process.exit(130))
process.once('SIGTERM', () => process.exit(143))

try {
  await main(readArguments())
} catch (error) {
  if (!(error instanceof UsageError)) throw error
  process.stderr.write(`bench: ${error.message}\n`)
  process.exitCode = 2
}
