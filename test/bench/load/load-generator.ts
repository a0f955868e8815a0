import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { Readable } from 'node:stream'
import { findOnPath } from '@vss-pipeline/local-stack'

/**
 * A process of its own that holds bodies and posts them on command. Its start and the making of bodies are not part of
 * the measured time, and its CPU is counted apart from the others'.
 *
 * The protocol on its input: a line with the number of bodies; for each body a line with its length, then its bytes; a
 * line as the command to post. On its output: the line `ready`, the line `answered` and, on SIGINT, the counts as
 * `{"answered": 3, "failed": 0}`.
 */
export interface Load {
  pid: number
  /**
   * Posts each body once, from {@link connections} connections. A connection posts again when it has its answer.
   *
   * @returns milliseconds until the last answer.
   */
  post(): Promise<number>
  /** Ends the process. @throws unless each post was answered with a 200. */
  end(): Promise<void>
}

export const connections = 64

export type LoadGenerator = 'wrk' | 'autocannon'

const wrk = findOnPath('wrk')

/** wrk needs the least CPU; autocannon comes with npm. */
export const loadGenerator: LoadGenerator = wrk === undefined ? 'autocannon' : 'wrk'

function commandFor(generator: LoadGenerator, url: string): [program: string, ...args: string[]] {
  if (generator === 'autocannon') return [process.execPath, pathOf('autocannon.ts'), url, `${connections}`]
  return [
    ...([wrk!, '--threads', '1', '--connections', `${connections}`] as const),
    // An hour is longer than any load: end() ends it before.
    ...['--duration', '1h', '--script', pathOf('wrk.lua'), url, '--', `${connections}`],
  ]
}

/** Starts a load generator with its bodies in memory, ready to post. */
export async function prepareLoad(
  url: string,
  bodies: readonly Buffer[],
  generator = loadGenerator,
): Promise<Load> {
  const [program, ...args] = commandFor(generator, url)
  const child = spawn(program, args, { stdio: ['pipe', 'pipe', 'inherit'] })
  const kill = () => child.kill('SIGKILL')
  process.once('exit', kill)
  const ended = once(child, 'exit')
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()

  async function lineThat(isIt: (line: string) => boolean): Promise<string> {
    for (;;) {
      const { value, done } = await lines.next()
      if (done) throw new Error(`the load generator ${generator} ended before its work was done`)
      if (isIt(value)) return value
    }
  }

  Readable.from([`${bodies.length}\n`, ...bodies.flatMap((body) => [`${body.length}\n`, body])]).pipe(
    child.stdin,
    { end: false },
  )
  await lineThat((line) => line === 'ready')
  return {
    pid: child.pid!,
    async post() {
      const startedAt = performance.now()
      child.stdin.write('go\n')
      await lineThat((line) => line === 'answered')
      return performance.now() - startedAt
    },
    async end() {
      child.kill('SIGINT')
      const line = await lineThat((line) => line.startsWith('{'))
      const { answered, failed } = JSON.parse(line) as { answered: number; failed: number }
      await ended
      process.off('exit', kill)
      if (answered !== bodies.length || failed > 0) {
        throw new Error(`${answered - failed} of ${bodies.length} posts were answered with 200`)
      }
    },
  }
}

/** Posts each body once. @throws unless each post was answered with a 200. */
export async function postAll(url: string, bodies: readonly Buffer[]): Promise<void> {
  const load = await prepareLoad(url, bodies)
  await load.post()
  await load.end()
}

function pathOf(file: string): string {
  return join(import.meta.dirname, file)
}
