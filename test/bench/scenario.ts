import type { Measured } from './measure.ts'
import type { BenchServers } from './servers.ts'

export interface Scenario {
  /** For `--only`. */
  name: string
  run(bench: Bench): Promise<ScenarioResult>
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
  targets: Target[]
}

export interface ResultTable {
  /** The unit of all samples; it heads the column of medians. */
  unit: string
  measured: Measured[]
  /** Whose median the others are compared with. */
  comparedWith?: string
}

/** A figure that the project promises. */
export interface Target {
  what: string
  value: number
  unit: '×' | 'ms' | '/s' | 'MB'
  /** What must be reached: at least, or at most where `lowerIsBetter`. */
  limit: number
  aim: number
  lowerIsBetter?: boolean
}

export function isMet({ value, limit, lowerIsBetter = false }: Target): boolean {
  return lowerIsBetter ? value <= limit : value >= limit
}
