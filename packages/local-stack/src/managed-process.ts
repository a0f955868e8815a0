import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process'
import { type ProcessRecord, recordOf, removeRecord, stopProcess, writeRecord } from './process-record.ts'

export interface ManagedProcess {
  child: ChildProcess
  /** Resolves when the process has ended, with how: "exited with code 1", "was ended by SIGKILL". */
  ended: Promise<string>
  /** How the process ended; undefined while it runs. */
  readonly end: string | undefined
  /** Stops it, first politely; returns once it has ended. Harmless when repeated. */
  stop(): Promise<void>
}

/**
 * Starts a process in a session of its own, so that a Ctrl-C in the terminal reaches us alone and we decide the
 * order in which things stop, and writes its record down for the start after a crash.
 */
export function startProcess(options: {
  command: string
  args: string[]
  /** Where the process is written down for the start after a crash. */
  recordFile?: string | undefined
  stopSignals: ProcessRecord['stopSignals']
  graceMs: number
  spawn: SpawnOptions
}): ManagedProcess {
  const { recordFile, stopSignals, graceMs } = options
  const child = spawn(options.command, options.args, { ...options.spawn, detached: true })
  // It is stopped in order before we leave, but it is no reason of its own for us to stay.
  child.unref()
  const record = child.pid ? recordOf(child.pid, { stopSignals, graceMs }) : undefined
  if (record && recordFile) writeRecord(recordFile, record)
  let end: string | undefined
  const ended = new Promise<string>((resolve) => {
    function finish(how: string): void {
      end = how
      if (record && recordFile) removeRecord(recordFile, record)
      resolve(how)
    }
    child.once('error', (error) => finish(`could not be started: ${error.message}`))
    child.once('exit', (code, signal) =>
      finish(signal ? `was ended by ${signal}` : `exited with code ${code}`),
    )
  })
  return {
    child,
    ended,
    get end() {
      return end
    },
    async stop() {
      child.ref()
      if (record && end === undefined) await stopProcess(record)
      await ended
    },
  }
}
