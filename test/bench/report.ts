import { cpus, totalmem } from 'node:os'
import { styleText } from 'node:util'
import { alignColumns, displayCount, title as heading } from '../../services/cli/src/text.ts'
import { median, samplesOf } from './measure.ts'
import { peers } from './peers/index.ts'
import { isMet, type ResultTable, type ScenarioResult, type Target } from './scenario.ts'

/** A scenario's tables for the screen. */
export function alignedTables({ title, method, tables }: ScenarioResult): string {
  return `\n${heading(title)}\n${method}\n\n${tables.map((table) => align(cellsOf(table))).join('\n\n')}`
}

/** The promised figures for the screen, a line each. */
export function targetLines(targets: readonly Target[]): string {
  const rows = targets.map((target) => {
    const verdict = isMet(target) ? 'met' : 'short'
    const colour = isMet(target) ? 'green' : 'red'
    return [
      target.what,
      reached(target),
      promised(target),
      styleText(colour, verdict, { stream: process.stdout }),
    ]
  })
  return `\n${align([['target', 'reached', 'promised', ''], ...rows])}`
}

/** All of it as Markdown, with what it was measured on. */
export function markdownReport(
  results: readonly ScenarioResult[],
  serverVersions: readonly string[],
): string {
  const [cpu] = cpus()
  const sections = results.map(
    ({ title, method, tables }) =>
      `## ${title}\n\n${method}\n\n${tables.map((table) => markdown(cellsOf(table))).join('\n\n')}\n`,
  )
  const targets = results.flatMap((result) => result.targets)
  const targetRows = targets.map((target) => [
    target.what,
    reached(target),
    promised(target),
    isMet(target) ? 'yes' : 'no',
  ])
  return `# Benchmark

Written by \`npm run bench\` on ${new Date().toISOString().slice(0, 10)}. Medians of alternating rounds, with the lowest and the highest.

- ${cpus().length} cores (${cpu?.model.trim()}), ${Math.round(totalmem() / 2 ** 30)} GiB; the load generator, the services, Postgres and Redis share them.
- Node ${process.versions.node}, ${serverVersions.join(', ')}; ${Object.values(peers)
    .map(({ name }) => name)
    .join(', ')}
- Postgres with its default settings (\`fsync\` and \`synchronous_commit\` on), Redis with \`appendfsync always\`.
- Events: the seeded generator's, varied, some of them corrections or duplicates. Everyone validates and enriches them with the same code and stores the same session and leg columns; this pipeline also keeps its ledger.

## Targets

${markdown([['', 'reached', 'at least (aim)', 'met'], ...targetRows])}

${sections.join('\n')}`
}

function cellsOf({ unit, measured, comparedWith }: ResultTable): string[][] {
  const reference = comparedWith === undefined ? undefined : median(samplesOf(measured, comparedWith))
  const header = ['', unit, 'from – to', ...(reference === undefined ? [] : ['ratio'])]
  const rows = measured.map(({ name, samples }) => [
    name,
    number(median(samples)),
    `${number(Math.min(...samples))} – ${number(Math.max(...samples))}`,
    ...(reference === undefined ? [] : [(median(samples) / reference).toFixed(2)]),
  ])
  return [header, ...rows]
}

function number(value: number): string {
  return value >= 100 ? displayCount(Math.round(value)) : value.toPrecision(3)
}

function reached({ value, unit }: Target): string {
  return withUnit(value, unit)
}

function promised({ limit, aim, unit, lowerIsBetter = false }: Target): string {
  return `${lowerIsBetter ? 'at most ' : ''}${withUnit(limit, unit)} (${withUnit(aim, unit)})`
}

function withUnit(value: number, unit: Target['unit']): string {
  return unit === '×' ? value.toFixed(2) : `${number(value)}${unit === '/s' ? '' : ' '}${unit}`
}

/** Names to the left, figures to the right. */
function align(rows: readonly (readonly string[])[]): string {
  return alignColumns(rows, { rightAligned: rows[0]!.map((_, column) => column).slice(1) })
}

function markdown([header, ...rows]: string[][]): string {
  const rule = header!.map((_, column) => (column === 0 ? '---' : '---:'))
  return [header!, rule, ...rows].map((row) => `| ${row.join(' | ')} |`).join('\n')
}
