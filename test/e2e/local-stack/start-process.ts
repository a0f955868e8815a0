import { type ChildProcess, spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { createTemporaryFolder, stopEverythingIn, until } from '@vss-pipeline/local-stack'
import { onTestFinished } from 'vitest'

const start = join(import.meta.dirname, '../../../packages/local-stack/src/start.ts')

/** Makes a data folder for one test. Servers that still run in it when the test has finished are stopped. */
export async function createTestFolder(): Promise<string> {
  const temporary = await createTemporaryFolder()
  const folder = join(temporary.path, 'data')
  onTestFinished(async () => {
    await stopEverythingIn(folder, { force: true })
    await temporary.remove()
  })
  return folder
}

export interface StartProcess {
  child: ChildProcess
  /** The output so far. */
  output(): string
  /** Waits until it has printed that it is running. @throws Error with the output if it ends instead. */
  running(): Promise<void>
  /** Waits until the process has ended, and returns its exit code. */
  exitCode(): Promise<number | null>
}

/** Runs what `npm start` runs, in `folder`. Of this process's environment only the PATH reaches it. */
export function runStart(folder: string, env: NodeJS.ProcessEnv = {}): StartProcess {
  const child = spawn(process.execPath, [start], {
    env: { PATH: process.env.PATH, DATA_DIR: folder, PORT: '0', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let output = ''
  let closed = false
  child.stdout.on('data', (chunk) => (output += chunk))
  child.stderr.on('data', (chunk) => (output += chunk))
  child.once('close', () => (closed = true))
  onTestFinished(() => void child.kill('SIGKILL'))
  return {
    child,
    output: () => output,
    async running() {
      await until('The banner', () => output.includes('is running.') || closed, { timeoutMs: 30_000 })
      if (closed) throw new Error(`npm start ended before it was running: ${output}`)
    },
    async exitCode() {
      await until('The end of start', () => closed, { timeoutMs: 30_000 })
      return child.exitCode
    },
  }
}

/** The process ids that a start has recorded in `folder`. */
export function recordedPids(folder: string): number[] {
  return ['console', 'ingest', 'worker', 'redis', 'postgres'].map((name) => recordedPid(folder, name))
}

export function recordedPid(folder: string, name: string): number {
  return JSON.parse(readFileSync(join(folder, name, 'process.json'), 'utf8')).pid
}

/** Whether a process runs. A process that has ended, but that its parent has not noticed yet, does not. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return process.platform !== 'linux' || !/\) Z /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'))
  } catch {
    return false
  }
}
