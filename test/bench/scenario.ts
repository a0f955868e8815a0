import type { Measured } from './measure.ts'
import type { BenchServers } from './servers.ts'

export interface Scenario {
  /** For `--only`. */
  name: string
  run(bench: Bench): Promise<ScenarioResult[]>
}

/** What a scenario works with. */
export interface Bench {
  servers: BenchServers
  /** How often each contestant is measured. */
  rounds: number
  full: boolean
  /** Scales amounts of work: 1, or less for `--quick`. */
  scale: number
  onStep: (step: string) => void
}

export interface ScenarioResult {
  title: string
  /** How it was measured, in a sentence or two. */
  method: string
  tables: ResultTable[]
}

export type ResultTable = FigureTable | CostTable

/** One figure of each contestant, with its range. */
export interface FigureTable {
  /** The unit of all samples; it heads the column of medians. */
  unit: string
  measured: Measured[]
  /** Whose median the others are compared with. */
  comparedWith?: string
}

/** Several figures of each contestant, a column each. */
export interface CostTable {
  /** What the first column's names are followed by, such as `CPU µs/event`. */
  unit: string
  costs: Costs[]
}

/** Medians by column; a contestant that has nothing to do with a column lacks it. */
export interface Costs {
  name: string
  figures: Readonly<Record<string, number>>
}
