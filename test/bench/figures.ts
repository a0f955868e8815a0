import { median } from './measure.ts'
import type { Slice } from './slices.ts'

/** Figures by name. */
export type Figures = Readonly<Record<string, number>>

/** @returns events a second: the median of the slices, so that a single disturbed slice does not count. */
export function rateOf(slices: readonly Slice[]): number {
  return median(slices.map(({ timed, ms }) => (timed * 1000) / ms))
}

/**
 * Computes the CPU microseconds an event, as medians of the slices.
 *
 * @param programs the programs to show, in this order
 * @returns a figure for each program that the slices have, and their sum as `together`
 */
export function cpuOf(slices: readonly Slice[], programs: readonly string[]): Figures {
  return mediansOf(
    slices.map(({ cpu, events }) => {
      const used = programs
        .filter((name) => name in cpu)
        .map((name) => [name, (cpu[name]! * 1000) / events] as const)
      const sum = used.reduce((sum, [, microseconds]) => sum + microseconds, 0)
      return { ...Object.fromEntries(used), ...(used.length > 0 && { together: sum }) }
    }),
  )
}

/** The median of each figure. */
export function mediansOf(all: readonly Figures[]): Figures {
  const names = Object.keys(all[0] ?? {})
  return Object.fromEntries(names.map((name) => [name, median(all.map((figures) => figures[name]!))]))
}
