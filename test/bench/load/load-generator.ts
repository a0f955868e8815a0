import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { Readable } from 'node:stream'
import { findOnPath } from '@vss-pipeline/local-stack'

/**
 * A process of its own that holds bodies and posts them when it is told to: neither making them nor starting falls
 * into what is measured, and its CPU can be told from everyone else's.
 *
 * The protocol on its input: the number of bodies in a line; of each body its length in a line, then its bytes; and
 * when it is to post, a line. On its output the lines `ready`, then `answered`, then, on SIGINT, what came of it:
 * `{"answered": 3, "failed": 0}`.
 */
export interface Load {
  pid: number
  /**
   * Posts each body once, from {@link connections} connections, each its next when it has its answer.
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
    // It is ended once all is answered.
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
      if (done) throw new Error(`the load generator ${generator} ended before its time`)
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

/** Posts each body once. */
export async function postAll(url: string, bodies: readonly Buffer[]): Promise<void> {
  const load = await prepareLoad(url, bodies)
  await load.post()
  await load.end()
}

function pathOf(file: string): string {
  return join(import.meta.dirname, file)
}
