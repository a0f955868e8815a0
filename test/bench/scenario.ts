import type { Measured } from './measure.ts'
import type { BenchServers } from './servers.ts'

export interface Scenario {
  /** The name for `--only`. */
  name: string
  run(bench: Bench): Promise<ScenarioResult[]>
}

/** Everything that a scenario works with. */
export interface Bench {
  servers: BenchServers
  /** The number of times that each contestant is measured. */
  rounds: number
  full: boolean
  /** The factor for all amounts of work: 1, or less for `--quick`. */
  scale: number
  onStep: (step: string) => void
}

export interface ScenarioResult {
  title: string
  /** The way of measuring, in a sentence or two. */
  method: string
  tables: ResultTable[]
  /** Sentences about figures that are not as they should be. */
  problems?: string[]
}

export type ResultTable = FigureTable | CostTable

/** One figure of each contestant, with its range. */
export interface FigureTable {
  /** The unit of all samples; it heads the column of medians. */
  unit: string
  measured: Measured[]
  /** The contestant whose median the others are compared with. */
  comparedWith?: string
}

/** Several figures of each contestant, each in a column. */
export interface CostTable {
  /** The unit of all figures, such as `CPU µs/event`; it heads the column of names. */
  unit: string
  costs: Costs[]
}

/** Medians by column. A contestant lacks the columns that do not concern it. */
export interface Costs {
  name: string
  figures: Readonly<Record<string, number>>
}
