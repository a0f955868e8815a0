import { readFileSync } from 'node:fs'
import { CommandFailure } from '../failure.ts'

/** The bodies to post. They are made one by one, on demand. */
export interface Bodies {
  total: number
  /** The seed that gives the same bodies again; null when they come from files. */
  seed: string | null
  values: Iterator<Uint8Array, void>
}

/** Reads files, whose bytes are posted as they are. @throws CommandFailure where one cannot be read. */
export function readBodies(paths: readonly string[]): Bodies {
  const contents = paths.map((path) => {
    try {
      return readFileSync(path)
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException
      throw new CommandFailure(`cannot read "${path}" (${code}): --file takes the path of a readable file`, {
        cause: error,
      })
    }
  })
  return { total: contents.length, seed: null, values: contents.values() }
}

/** Generates Voice Session Summaries. */
export async function generateBodies(options: {
  count: number
  seed: string
  dirtyShare: number
}): Promise<Bodies> {
  const { generateEvents } = await import('@vss-pipeline/generator')
  const { count, seed } = options
  function* bodies(): Generator<Uint8Array, void> {
    for (const { body } of generateEvents(options)) yield body
  }
  return { total: count, seed, values: bodies() }
}
