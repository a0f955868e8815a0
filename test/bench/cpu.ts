import { existsSync, readdirSync, readFileSync } from 'node:fs'

/** CPU milliseconds by program. */
export type CpuMs = Readonly<Record<string, number>>

/** Only Linux accounts the CPU of each process in nanoseconds, in proc(5). Elsewhere no CPU is reported. */
export const isCpuAccounted = existsSync('/proc/self/schedstat')

/** The clock ticks of proc(5): 100 a second on every platform of Linux that Node runs on. */
const msPerTick = 10

/**
 * Reads the CPU that programs and their children have used since they began. It includes the kernel's work for them,
 * such as sending to the network.
 *
 * @param programs process ids by name
 * @param observers children that do not count, because they serve the benchmark itself
 */
export function readCpu(
  programs: Readonly<Record<string, readonly number[]>>,
  observers: ReadonlySet<number>,
): CpuMs {
  if (!isCpuAccounted) return {}
  const childrenOf = readChildren()
  return Object.fromEntries(
    Object.entries(programs).map(([name, pids]) => [
      name,
      sumOf(pids.map((pid) => treeCpuMs(pid, childrenOf, observers))),
    ]),
  )
}

/** @returns the CPU that was used between two readings. */
export function cpuBetween(before: CpuMs, after: CpuMs): CpuMs {
  return Object.fromEntries(Object.entries(after).map(([name, ms]) => [name, ms - (before[name] ?? 0)]))
}

/**
 * @returns the CPU of all threads of a process, in milliseconds. Field 1 of /proc/PID/task/TID/schedstat has
 * nanoseconds.
 */
export function processCpuMs(pid: number): number {
  let nanoseconds = 0
  for (const thread of listed(`/proc/${pid}/task`)) {
    nanoseconds += Number(read(`/proc/${pid}/task/${thread}/schedstat`).split(' ')[0])
  }
  return nanoseconds / 1e6
}

function treeCpuMs(
  pid: number,
  childrenOf: ReadonlyMap<number, number[]>,
  observers: ReadonlySet<number>,
): number {
  const children = (childrenOf.get(pid) ?? []).filter((child) => !observers.has(child))
  const ofChildren = children.map((child) => treeCpuMs(child, childrenOf, observers))
  return processCpuMs(pid) + endedChildrenMs(pid) + sumOf(ofChildren)
}

/** The CPU of children that have ended: fields 16 and 17 of /proc/PID/stat, in ticks. */
function endedChildrenMs(pid: number): number {
  const fields = statFields(pid)
  return (Number(fields[13] ?? 0) + Number(fields[14] ?? 0)) * msPerTick
}

function readChildren(): Map<number, number[]> {
  const childrenOf = new Map<number, number[]>()
  for (const name of listed('/proc')) {
    const pid = Number(name)
    if (!Number.isInteger(pid)) continue
    const parent = Number(statFields(pid)[1])
    childrenOf.set(parent, [...(childrenOf.get(parent) ?? []), pid])
  }
  return childrenOf
}

/** The fields of /proc/PID/stat from the third on: the second is the program's name, which may hold spaces. */
function statFields(pid: number): string[] {
  const stat = read(`/proc/${pid}/stat`)
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ')
}

function sumOf(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0)
}

/** Reads a file of /proc. It is empty when the process ends meanwhile. */
function read(path: string): string {
  try {
    return readFileSync(path, 'latin1')
  } catch {
    return ''
  }
}

function listed(path: string): string[] {
  try {
    return readdirSync(path)
  } catch {
    return []
  }
}
