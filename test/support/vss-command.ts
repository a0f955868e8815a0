import { type ChildProcess, spawn } from 'node:child_process'
import { delimiter, dirname, join } from 'node:path'
import { text } from 'node:stream/consumers'
import { onTestFinished } from 'vitest'
import { throughPooler } from './pooler.ts'

const command = join(import.meta.dirname, '../../services/cli/src/main.ts')

export interface VssResult {
  exitCode: number | null
  stdout: string
  stderr: string
}

export interface VssEnv {
  [name: string]: string
}

/**
 * Runs `vss` to its end. Like a shell it starts the file itself. Of this process's environment it passes only the PATH. With
 * `TEST_POOLER` it goes through a pooler.
 *
 * @param input the text that it reads from standard input; nothing by default
 */
export async function vss(args: readonly string[], env: VssEnv = {}, input?: string): Promise<VssResult> {
  return await startVss(args, await withPooler(env), input).ended
}

async function withPooler(env: VssEnv): Promise<VssEnv> {
  const { DATABASE_URL: url } = env
  if (url === undefined || !URL.canParse(url)) return env
  const pooled = await throughPooler(url)
  return pooled === url ? env : { DATABASE_DIRECT_URL: url, ...env, DATABASE_URL: pooled }
}

/** The lines that are wider than a usual terminal. */
export function linesOver80Columns(output: string): string[] {
  return output.split('\n').filter((line) => [...line].length > 80)
}

/** Starts `vss`; it is killed if it still runs when the test has finished. */
export function startVss(
  args: readonly string[],
  env: VssEnv = {},
  input?: string,
): { process: ChildProcess; ended: Promise<VssResult> } {
  const child = spawn(command, args, {
    env: {
      PATH: [dirname(process.execPath), process.env.PATH].join(delimiter),
      // Without this the command would find the stack of an `npm start` that runs beside the tests.
      DATA_DIR: '/nonexistent',
      ...env,
    },
    stdio: [input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
  })
  // A command that fails at once does not read it.
  child.stdin?.on('error', () => {}).end(input)
  onTestFinished(() => void child.kill('SIGKILL'))
  const exitCode = new Promise<number | null>((resolve, reject) => {
    child.on('error', reject)
    child.on('close', resolve)
  })
  const ended = Promise.all([exitCode, text(child.stdout!), text(child.stderr!)]).then(
    ([exitCode, stdout, stderr]) => ({ exitCode, stdout, stderr }),
  )
  return { process: child, ended }
}
