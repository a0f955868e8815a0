import { type ChildProcess, spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { createTemporaryFolder, stopEverythingIn, until } from '@vss-pipeline/local-stack'
import { onTestFinished } from 'vitest'

const start = join(import.meta.dirname, '../../../packages/local-stack/src/start.ts')

/** A data folder for one test, which its own starts claim; whatever still runs in it at the end is stopped. */
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
  /** All that it has printed so far. */
  output(): string
  /** Waits until the banner is there. */
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
      if (closed) throw new Error(`start ended: ${output}`)
    },
    async exitCode() {
      await until('The end of start', () => closed, { timeoutMs: 30_000 })
      return child.exitCode
    },
  }
}

/** The pids of what a start has written down as running in `folder`. */
export function recordedPids(folder: string): number[] {
  return ['ingest', 'worker', 'redis', 'postgres'].map((name) => recordedPid(folder, name))
}

export function recordedPid(folder: string, name: string): number {
  return JSON.parse(readFileSync(join(folder, name, 'process.json'), 'utf8')).pid
}

/** Whether a process runs; one that has ended but was not collected yet does not. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return process.platform !== 'linux' || !/\) Z /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'))
  } catch {
    return false
  }
}
