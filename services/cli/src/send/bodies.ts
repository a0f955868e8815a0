import { readFileSync } from 'node:fs'
import { UsageError } from '../failure.ts'

/** The bodies to post. They are made one by one, on demand. */
export interface Bodies {
  total: number
  /** The seed that gives the same bodies again; null when they come from files. */
  seed: string | null
  values: Iterator<Uint8Array, void>
}

/** Reads files, whose bytes are posted as they are. @throws UsageError where one cannot be read. */
export function readBodies(paths: readonly string[]): Bodies {
  const contents = paths.map((path) => {
    try {
      return readFileSync(path)
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException
      throw new UsageError(`cannot read "${path}" (${code}): --file takes the path of a readable file`, {
        cause: error,
      })
    }
  })
  return { total: contents.length, seed: null, values: contents.values() }
}

const hourMs = 3_600_000
const dayMs = 24 * hourMs
/** The longest generated call ends in this time, so that none ends in the future. */
const longestCallMs = 20 * 60_000

/** The days up to the latest full hour that all calls of are over. */
export function pastDays(days: number, nowMs: number): { fromMs: number; untilMs: number } {
  const untilMs = Math.floor((nowMs - longestCallMs) / hourMs) * hourMs
  return { fromMs: untilMs - days * dayMs, untilMs }
}

/** Generates Voice Session Summaries. */
export async function generateBodies(options: {
  count: number
  seed: string
  dirtyShare: number
  period?: { fromMs: number; untilMs: number }
}): Promise<Bodies> {
  const { generateEvents } = await import('@vss-pipeline/generator')
  const { count, seed } = options
  function* bodies(): Generator<Uint8Array, void> {
    for (const { body } of generateEvents(options)) yield body
  }
  return { total: count, seed, values: bodies() }
}
