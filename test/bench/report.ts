import { cpus, totalmem } from 'node:os'
import { displayCount } from '@vss-pipeline/runtime'
import { alignColumns, title as heading } from '../../services/cli/src/text.ts'
import type { Compared } from './against.ts'
import { loadGenerator } from './load/load-generator.ts'
import { median, ratioOf, samplesOf } from './measure.ts'
import type { CostTable, FigureTable, ResultTable, ScenarioResult } from './scenario.ts'

/** Renders a scenario's tables for the screen. */
export function alignedTables({ title, method, tables }: ScenarioResult): string {
  return `\n${heading(title)}\n${method}\n\n${tables.map((table) => align(cellsOf(table))).join('\n\n')}`
}

/** Renders all results as Markdown, with the machine that they were measured on. */
export function markdownReport(
  results: readonly ScenarioResult[],
  serverVersions: readonly string[],
): string {
  const [cpu] = cpus()
  const sections = results.map(
    ({ title, method, tables }) =>
      `## ${title}\n\n${method}\n\n${tables.map((table) => markdown(cellsOf(table))).join('\n\n')}\n`,
  )
  return `# Benchmark

Written by \`npm run bench\` on ${new Date().toISOString().slice(0, 10)}. Medians of alternating rounds, with the lowest and the highest.

- ${cpus().length} cores (${cpu?.model.trim()}), ${Math.round(totalmem() / 2 ** 30)} GiB; the load generator (${loadGenerator}), the services, Postgres and Redis share them.
- Node ${process.versions.node}, ${serverVersions.join(', ')}.
- Postgres with its default settings (\`fsync\` and \`synchronous_commit\` on), Redis with \`appendfsync always\`.
- Events: the seeded generator's, varied, some of them corrections or duplicates, made before the clock starts. All contestants get the same, once they have worked for the same time, and the stored sessions are counted.
- CPU: as the operating system accounts it to each process. It varies from run to run, but less than rates do.

${sections.join('\n')}`
}

/** Renders the figures of this tree and of another commit, side by side, for the screen. */
export function comparisonTable(title: string, compared: readonly Compared[]): string {
  const rows = compared.map(({ kind, figure, here, there }) => {
    const ratio = ratioOf(here, there)
    return [
      `${kind}: ${figure}`,
      number(median(here)),
      number(median(there)),
      ratio.median.toFixed(3),
      range(ratio.interval),
      range(ratio.middleHalf),
    ]
  })
  return `
${heading('This tree (here) and another commit (there)')}
There: ${title}
${compared[0]!.here.length} turns of each in alternation. Ratio: here for one there, the median of the
turns; its interval at 95 % confidence; the middle half of the turns. CPU in
microseconds an event: less is better. events/s: more is better.

${align([['', 'here', 'there', 'ratio', '95 %', 'half'], ...rows])}`
}

function range([from, to]: readonly [number, number]): string {
  return `${from.toFixed(2)} – ${to.toFixed(2)}`
}

function cellsOf(table: ResultTable): string[][] {
  return 'costs' in table ? costCells(table) : figureCells(table)
}

function figureCells({ unit, measured, comparedWith }: FigureTable): string[][] {
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

function costCells({ unit, costs }: CostTable): string[][] {
  // The row with the most columns decides the order of the columns.
  const byCount = costs
    .map(({ figures }) => Object.keys(figures))
    .sort((one, other) => other.length - one.length)
  const columns = [...new Set(byCount.flat())]
  const rows = costs.map(({ name, figures }) => [
    name,
    ...columns.map((column) => (figures[column] === undefined ? '' : number(figures[column]))),
  ])
  return [[unit, ...columns], ...rows]
}

function number(value: number): string {
  if (value >= 100) return displayCount(Math.round(value))
  return value >= 10 ? value.toFixed(1) : value.toPrecision(2)
}

/** Names to the left, figures to the right. */
function align(rows: readonly (readonly string[])[]): string {
  return alignColumns(rows, { rightAligned: rows[0]!.map((_, column) => column).slice(1) })
}

function markdown([header, ...rows]: string[][]): string {
  const rule = header!.map((_, column) => (column === 0 ? '---' : '---:'))
  return [header!, rule, ...rows].map((row) => `| ${row.join(' | ')} |`).join('\n')
}
