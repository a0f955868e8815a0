import { median } from './measure.ts'
import type { Slice } from './slices.ts'

/** Figures by name. */
export type Figures = Readonly<Record<string, number>>

/** The median of the slices' events a second: a slice that something else fell into does not count. */
export function rateOf(slices: readonly Slice[]): number {
  return median(slices.map(({ timed, ms }) => (timed * 1000) / ms))
}

/**
 * CPU microseconds an event, medians of the slices.
 *
 * @param programs those that have to do with it, in this order
 * @returns of each program that there is, and `together`
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
