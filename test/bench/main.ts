import { writeFile } from 'node:fs/promises'
import { parseArgs } from 'node:util'
import { alignedTables, markdownReport, targetLines } from './report.ts'
import type { Bench, Scenario, ScenarioResult } from './scenario.ts'
import { ack } from './scenarios/ack.ts'
import { drain } from './scenarios/drain.ts'
import { endToEnd } from './scenarios/end-to-end.ts'
import { footprint } from './scenarios/footprint.ts'
import { growth } from './scenarios/growth.ts'
import { latency } from './scenarios/latency.ts'
import { quietBacklog } from './scenarios/quiet-backlog.ts'
import { spool } from './scenarios/spool.ts'
import { startBenchServers } from './servers.ts'
import { showStep } from './steps.ts'

const scenarios: readonly Scenario[] = [ack, drain, endToEnd, latency, quietBacklog, growth, footprint, spool]
const names = scenarios.map(({ name }) => name)
const resultsFile = new URL('./results.md', import.meta.url)

const help = `Measures this pipeline and what could be built instead, side by side, on a Postgres and a Redis of its own.

npm run bench                     everything: about 20 minutes on 2 cores; writes test/bench/results.md
npm run bench -- --only NAME      one scenario, and again for more: ${names.join(', ')}
npm run bench -- --quick          one short round each: whether it runs, not how fast
npm run bench -- --full           adds the large growth rounds: a million queued, ten million stored
`

function readArguments(): { only: readonly Scenario[]; quick: boolean; full: boolean } {
  const { values } = parseArgs({
    options: {
      only: { type: 'string', multiple: true, default: [] },
      quick: { type: 'boolean', default: false },
      full: { type: 'boolean', default: false },
      help: { type: 'boolean', short: 'h', default: false },
    },
  })
  if (values.help) {
    process.stdout.write(help)
    process.exit(0)
  }
  const unknown = values.only.find((name) => !names.includes(name))
  if (unknown !== undefined) throw new Error(`--only got ${unknown}, and takes ${names.join(', ')}`)
  const only =
    values.only.length === 0 ? scenarios : scenarios.filter(({ name }) => values.only.includes(name))
  return { only, quick: values.quick, full: values.full }
}

async function main({ only, quick, full }: ReturnType<typeof readArguments>): Promise<void> {
  const steps = showStep()
  steps.show('starting Postgres and Redis')
  const servers = await startBenchServers((line) => steps.show(line))
  const results: ScenarioResult[] = []
  try {
    for (const scenario of only) {
      const bench: Bench = {
        servers,
        rounds: quick ? 1 : 3,
        scale: quick ? 0.1 : 1,
        full,
        onStep: (step) => steps.show(`${scenario.name}: ${step}`),
      }
      const result = await scenario.run(bench)
      results.push(result)
      steps.clear()
      process.stdout.write(`${alignedTables(result)}\n`)
    }
  } finally {
    steps.clear()
    await servers.stop()
  }
  process.stdout.write(`${targetLines(results.flatMap(({ targets }) => targets))}\n`)
  if (only.length < scenarios.length || quick) return
  await writeFile(resultsFile, markdownReport(results, servers.versions))
  process.stdout.write('Written to test/bench/results.md.\n')
}

// The servers' folder is removed, and they with it, when this process exits.
process.once('SIGINT', () => process.exit(130))
process.once('SIGTERM', () => process.exit(143))

let chosen: ReturnType<typeof readArguments>
try {
  chosen = readArguments()
} catch (error) {
  process.stderr.write(`bench: ${(error as Error).message}\n`)
  process.exit(2)
}
await main(chosen)
