import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process'
import { type ProcessRecord, recordOf, removeRecord, stopProcess, writeRecord } from './process-record.ts'

export interface ManagedProcess {
  child: ChildProcess
  /** Resolves when the process has ended, with a text like "exited with code 1" or "was ended by SIGKILL". */
  ended: Promise<string>
  /** The text of `ended`; undefined while the process runs. */
  readonly end: string | undefined
  /** Stops the process, politely at first, and resolves when it has ended. Harmless when repeated. */
  stop(): Promise<void>
}

/**
 * Starts a process in a session of its own and writes its record. In its own session it gets no Ctrl-C of the terminal,
 * so that the caller decides the order in which processes stop.
 */
export function startProcess(options: {
  command: string
  args: string[]
  /** The file for the process' record, by which the start after a crash finds the process. */
  recordFile?: string | undefined
  stopSignals: ProcessRecord['stopSignals']
  graceMs: number
  spawn: SpawnOptions
}): ManagedProcess {
  const { recordFile, stopSignals, graceMs } = options
  const child = spawn(options.command, options.args, { ...options.spawn, detached: true })
  // The caller stops it before it exits; a running child alone must not keep the caller alive.
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
