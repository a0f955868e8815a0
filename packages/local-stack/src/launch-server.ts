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
  /** The URL for clients, with the password. */
  url: string
  pid: number
  /** Resolves when the server has ended for any reason, with a text like "exited with code 1". */
  ended: Promise<string>
  /** Stops the server and keeps its data. Harmless when repeated. */
  stop(): Promise<void>
}

/** Recovery after a crash replays the log, which can be long. */
const readyTimeoutMs = 120_000
/** The time for which a failure that passes by itself is tried again. */
const passingTimeoutMs = 15_000

interface Launch {
  name: string
  dataDir: string
  settings: ServerSettings
  stopping: Pick<ProcessRecord, 'stopSignals' | 'graceMs'>
  signal: AbortSignal | undefined
  /**
   * Returns the program and its arguments. It is called again when another process takes the port before the start.
   */
  command: (port: number) => string[]
  spawn: SpawnOptions
  isReady: (server: { pid: number; port: number }) => boolean | Promise<boolean>
  /** Whether the log of a failed start tells of a failure that passes by itself. */
  isPassing: (log: string) => boolean
  url: (port: number) => string
}

/**
 * Starts a server in its own session with its output in `${dataDir}.log`, and waits until the server is ready.
 *
 * @throws LocalStackError with a line of the log when the server ends instead.
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

/** Returns when the server is ready or has ended. Stops it on timeout and on abort. */
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

/** Finds the log's last line that names an error, else its last line. */
function tellingLine(log: string): string {
  const lines = log.trim().split('\n')
  return (lines.findLast((line) => /FATAL|PANIC|error|fail/i.test(line)) ?? lines.at(-1) ?? '').trim()
}
