import { type ChildProcess, spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { until } from '@vss-pipeline/local-stack'
import { onTestFinished } from 'vitest'

const main = fileURLToPath(new URL('../../../services/ingest/src/main.ts', import.meta.url))

export interface IngestProcess {
  child: ChildProcess
  /** What it printed so far. */
  output: { stdout: string; stderr: string }
  /** Its log so far. */
  log(): Record<string, unknown>[]
  /** Resolves with the exit code; a signal's name when one ended it. */
  exited: Promise<number | NodeJS.Signals | null>
}

/** Starts ingest as operators do: its entry point, configured by the environment alone. */
export function spawnIngest(env: Record<string, string>): IngestProcess {
  const { PATH } = process.env
  const child = spawn(process.execPath, [main], { env: { PATH, ...env }, stdio: ['ignore', 'pipe', 'pipe'] })
  onTestFinished(() => void child.kill('SIGKILL'))
  const output = { stdout: '', stderr: '' }
  child.stdout.on('data', (chunk) => (output.stdout += chunk))
  child.stderr.on('data', (chunk) => (output.stderr += chunk))
  return {
    child,
    output,
    log: () =>
      output.stdout
        .split('\n')
        .slice(0, -1)
        .map((line) => JSON.parse(line)),
    exited: new Promise((resolve) => child.once('close', (code, signal) => resolve(signal ?? code))),
  }
}

export interface Listening {
  port: number
  opsPort: number
  url: string
  opsUrl: string
}

/** Waits for the log line that names the ports. */
export async function untilListening(ingest: IngestProcess): Promise<Listening> {
  const line = await until(
    'the line "listening"',
    () => {
      if (ingest.child.exitCode !== null) throw new Error(`it ended: ${JSON.stringify(ingest.output)}`)
      return ingest.log().find(({ msg }) => msg === 'listening')
    },
    { timeoutMs: 10_000 },
  )
  const { port, opsPort } = line as { port: number; opsPort: number }
  return {
    port,
    opsPort,
    url: `http://127.0.0.1:${port}/webhooks/vss`,
    opsUrl: `http://127.0.0.1:${opsPort}`,
  }
}
