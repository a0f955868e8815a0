import { type ChildProcess, spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { webhookPath } from '@vss-pipeline/delivery'
import { until } from '@vss-pipeline/local-stack'
import { onTestFinished } from 'vitest'

const main = fileURLToPath(new URL('../../../services/ingest/src/main.ts', import.meta.url))

export interface IngestProcess {
  child: ChildProcess
  /** The output so far. */
  output: { stdout: string; stderr: string }
  /** The lines of the log so far. */
  log(): Record<string, unknown>[]
  /** Resolves with the exit code, or with the name of the signal that ended it. */
  exited: Promise<number | NodeJS.Signals | null>
}

/**
 * Starts ingest as operators do: by its entry point, with settings from the environment alone.
 *
 * @param options.stdout a descriptor for the log. The test then has to read it, and `output.stdout` stays empty.
 */
export function spawnIngest(
  env: Record<string, string>,
  { stdout = 'pipe' }: { stdout?: 'pipe' | number } = {},
): IngestProcess {
  const { PATH } = process.env
  const child = spawn(process.execPath, [main], { env: { PATH, ...env }, stdio: ['ignore', stdout, 'pipe'] })
  onTestFinished(() => void child.kill('SIGKILL'))
  const output = { stdout: '', stderr: '' }
  child.stdout?.on('data', (chunk) => (output.stdout += chunk))
  child.stderr!.on('data', (chunk) => (output.stderr += chunk))
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

/** Waits for a log line. */
export function untilLogged(ingest: IngestProcess, msg: string): Promise<Record<string, unknown>> {
  return until(
    `the line "${msg}"`,
    () => {
      if (ingest.child.exitCode !== null) throw new Error(`it ended: ${JSON.stringify(ingest.output)}`)
      return ingest.log().find((line) => line.msg === msg)
    },
    { timeoutMs: 10_000 },
  )
}

/** Waits until ingest listens and, unless Redis is away, has a connection to Redis. */
export async function untilListening(
  ingest: IngestProcess,
  options: { redisIsAway?: boolean } = {},
): Promise<Listening> {
  const line = await untilLogged(ingest, 'listening')
  if (!options.redisIsAway) await untilLogged(ingest, 'connected to Redis')
  const { port, opsPort } = line as { port: number; opsPort: number }
  return {
    port,
    opsPort,
    url: `http://127.0.0.1:${port}${webhookPath}`,
    opsUrl: `http://127.0.0.1:${opsPort}`,
  }
}
