import { setInterval } from 'node:timers/promises'
import { readMetric } from '../support/service-metric.ts'
import type { Program } from './programs.ts'

const bytesPerMegabyte = 1_000_000

/** Reads a service's resident memory every second during `work`. @returns megabytes, in order. */
export async function memoryDuring(program: Program, work: Promise<unknown>): Promise<number[]> {
  const megabytes: number[] = []
  const done = new AbortController()
  work.catch(() => undefined).finally(() => done.abort())
  try {
    for await (const _ of setInterval(1_000, undefined, { signal: done.signal })) {
      megabytes.push((await readMetric(program.opsUrl!, 'process_resident_memory_bytes')) / bytesPerMegabyte)
    }
  } catch (error) {
    if (!done.signal.aborted) throw error
  }
  return megabytes
}
