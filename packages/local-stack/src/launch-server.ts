import type { SpawnOptions } from 'node:child_process'
import { closeSync, fstatSync, readFileSync } from 'node:fs'
import { openLog, recordFile } from './data-folder.ts'
import { LocalStackError } from './errors.ts'
import { type ManagedProcess, startProcess } from './managed-process.ts'
import { choosePort } from './ports.ts'
import type { ProcessRecord } from './process-record.ts'
import { type ServerSettings, writeSettings } from './server-settings.ts'
import { until } from './waiting.ts'

export interface RunningServer {
  /** What a client connects to, password included. */
  url: string
  pid: number
  /** Resolves when the server has ended, by our hand or not, with how. */
  ended: Promise<string>
  /** Stops it in order, keeping its data. Harmless when repeated. */
  stop(): Promise<void>
}

/** Recovery after a crash replays a log that can be long. */
const readyTimeoutMs = 120_000
const passingTimeoutMs = 15_000

interface Launch {
  name: string
  dataDir: string
  settings: ServerSettings
  stopping: Pick<ProcessRecord, 'stopSignals' | 'graceMs'>
  signal: AbortSignal | undefined
  /** The program and its arguments; called again when the port was taken between our look and the start. */
  command: (port: number) => string[]
  spawn: SpawnOptions
  isReady: (server: { pid: number; port: number }) => boolean | Promise<boolean>
  /** Whether what the log says of a failed start passes by itself, so that trying again makes sense. */
  isPassing: (log: string) => boolean
  url: (port: number) => string
}

/**
 * Starts a server in its own session with its output in `${dataDir}.log`, and waits until it is ready.
 *
 * @throws LocalStackError with the end of the log when it ends instead.
 */
export async function launchServer(launch: Launch): Promise<RunningServer> {
  const deadline = performance.now() + passingTimeoutMs
  for (;;) {
    const port = await choosePort(launch.settings.port)
    if (port !== launch.settings.port) writeSettings(launch.dataDir, { ...launch.settings, port })
    const attempt = await launchOnce(launch, port)
    if ('url' in attempt) return attempt
    const isPassing = /address already in use/i.test(attempt.log) || launch.isPassing(attempt.log)
    if (!isPassing || performance.now() > deadline) {
      throw new LocalStackError(
        `${launch.name} ${attempt.end}: ${tellingLine(attempt.log)} (log: ${launch.dataDir}.log)`,
      )
    }
  }
}

async function launchOnce(
  launch: Launch,
  port: number,
): Promise<RunningServer | { end: string; log: string }> {
  const { dataDir, signal } = launch
  const [command, ...args] = launch.command(port)
  const logFile = openLog(`${dataDir}.log`)
  const logStart = fstatSync(logFile).size
  const server = startProcess({
    command: command!,
    args,
    recordFile: recordFile(dataDir),
    ...launch.stopping,
    spawn: { ...launch.spawn, stdio: ['ignore', logFile, logFile] },
  })
  closeSync(logFile)

  const pid = server.child.pid ?? 0
  await waitUntilReady(launch, server, { pid, port }, signal)
  if (server.end !== undefined) {
    return { end: server.end, log: readFileSync(`${dataDir}.log`).subarray(logStart).toString() }
  }
  return { url: launch.url(port), pid, ended: server.ended, stop: server.stop }
}

/** Returns when the server is ready or has ended; stops it when neither comes, or on abort. */
async function waitUntilReady(
  launch: Launch,
  server: ManagedProcess,
  at: { pid: number; port: number },
  signal: AbortSignal | undefined,
): Promise<void> {
  try {
    await until(
      `The start of ${launch.name}`,
      async () => server.end !== undefined || (await launch.isReady(at)),
      { timeoutMs: readyTimeoutMs, signal },
    )
  } catch (error) {
    await server.stop()
    throw error
  }
}

/** The log's last line that names an error, else its last line. */
function tellingLine(log: string): string {
  const lines = log.trim().split('\n')
  return (lines.findLast((line) => /FATAL|PANIC|error|fail/i.test(line)) ?? lines.at(-1) ?? '').trim()
}
