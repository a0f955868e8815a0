import { writeFile } from 'node:fs/promises'
import { compareWith } from './against.ts'
import { type Arguments, helpFor, readArguments } from './arguments.ts'
import { alignedTables, comparisonTable, markdownReport } from './report.ts'
import type { Bench, Scenario, ScenarioResult } from './scenario.ts'
import { capacity } from './scenarios/capacity.ts'
import { footprint } from './scenarios/footprint.ts'
import { growth } from './scenarios/growth.ts'
import { latency } from './scenarios/latency.ts'
import { observability } from './scenarios/observability.ts'
import { quietBacklog } from './scenarios/quiet-backlog.ts'
import { scale } from './scenarios/scale.ts'
import { spool } from './scenarios/spool.ts'
import { throughput } from './scenarios/throughput.ts'
import { upkeep } from './scenarios/upkeep.ts'
import { type BenchServers, startBenchServers } from './servers.ts'
import { type Steps, showStep } from './steps.ts'
import { UsageError } from './usage-error.ts'

/** These run by default, and are what results.md is about. */
const usual: readonly Scenario[] = [
  throughput,
  latency,
  quietBacklog,
  growth,
  footprint,
  spool,
  observability,
  capacity,
  upkeep,
]
const scenarios: readonly Scenario[] = [...usual, scale]
const names = scenarios.map(({ name }) => name)
const resultsFile = new URL('./results.md', import.meta.url)

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
  const chosen = only.length === 0 ? usual : scenarios.filter(({ name }) => only.includes(name))
  const results: ScenarioResult[] = []
  for (const scenario of chosen) {
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
  for (const problem of results.flatMap(({ problems = [] }) => problems)) {
    process.stderr.write(`bench: ${problem}\n`)
    process.exitCode = 1
  }
  if (only.length > 0 || quick || postgres !== undefined) return
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

// An exit stops the servers and removes their folder; a signal alone would not.
process.once('SIGINT', () => process.exit(130))
process.once('SIGTERM', () => process.exit(143))

try {
  const args = readArguments(names)
  if (args.help) process.stdout.write(helpFor(names))
  else await main(args)
} catch (error) {
  if (!(error instanceof UsageError)) throw error
  process.stderr.write(`bench: ${error.message}\n`)
  process.exitCode = 2
}
