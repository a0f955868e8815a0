import { execFileSync } from 'node:child_process'
import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { sleepSync } from '@vss-pipeline/runtime'
import { until } from './waiting.ts'

/**
 * A process as a file names it, so that a later start can find and stop the processes of a killed one. The start time
 * tells the process from another that has got its number since.
 */
export interface ProcessRecord {
  pid: number
  startTime: string
  /** The signals to send, one after the other until the process has ended. */
  stopSignals: NodeJS.Signals[]
  /** The time for the first signal to work; each later one has 5 s. */
  graceMs: number
}

const forcedGraceMs = 5_000

/** The record of a process that runs now. */
export function recordOf(pid: number, how: Pick<ProcessRecord, 'stopSignals' | 'graceMs'>): ProcessRecord {
  return { pid, startTime: startTimeOf(pid) ?? 'ended', ...how }
}

/** Writes a record for {@link stopRecorded}. */
export function writeRecord(file: string, record: ProcessRecord): void {
  writeFileSync(file, JSON.stringify(record), { mode: 0o600 })
}

/** Removes the record of a process that has ended. The record of another process in the same file stays. */
export function removeRecord(file: string, record: ProcessRecord): void {
  if (readRecord(file)?.pid === record.pid) rmSync(file, { force: true })
}

/**
 * Stops the process that `file` names, if it still runs, and removes the file.
 *
 * @param options.force skips the polite signal.
 * @returns whether there was a process to stop.
 */
export async function stopRecorded(file: string, options: { force?: boolean } = {}): Promise<boolean> {
  const record = readRecord(file)
  const running = record !== undefined && isRunning(record)
  if (running) await stopProcess(record, options)
  rmSync(file, { force: true })
  return running
}

/** Ends the process that `file` names, by force and synchronously: an exit handler cannot wait otherwise. */
export function killRecorded(file: string): void {
  const record = readRecord(file)
  if (!record || !isRunning(record)) return
  const [, forceful = 'SIGKILL'] = record.stopSignals
  process.kill(record.pid, forceful)
  const deadline = performance.now() + forcedGraceMs
  while (isRunning(record) && performance.now() < deadline) {
    sleepSync(10)
  }
}

/** Whether the recorded process runs. A zombie does not count, nor does another process that has got its number. */
export function isRunning(record: ProcessRecord): boolean {
  return startTimeOf(record.pid) === record.startTime
}

/** Sends the record's signals one after the other until the process has ended. */
export async function stopProcess(record: ProcessRecord, options: { force?: boolean } = {}): Promise<void> {
  const [polite, ...forceful] = record.stopSignals
  const attempts = forceful.map((signal) => ({ signal, timeoutMs: forcedGraceMs }))
  if (polite && !options.force) attempts.unshift({ signal: polite, timeoutMs: record.graceMs })
  let failure: unknown
  for (const { signal, timeoutMs } of attempts) {
    try {
      if (isRunning(record)) process.kill(record.pid, signal)
      await until(`The end of process ${record.pid} on ${signal}`, () => !isRunning(record), { timeoutMs })
      return
    } catch (error) {
      failure = error
    }
  }
  if (isRunning(record)) throw failure
}

/** @returns the arguments that a process was started with, separated by spaces; empty when it has ended. */
export function commandLineOf(pid: number): string {
  try {
    return process.platform === 'linux'
      ? readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ')
      : askPs(pid, 'command=')
  } catch {
    return ''
  }
}

function readRecord(file: string): ProcessRecord | undefined {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as ProcessRecord
  } catch {
    return undefined
  }
}

/** @returns a text that two processes with the same number do not share; undefined when the process has ended. */
function startTimeOf(pid: number): string | undefined {
  try {
    if (process.platform !== 'linux') {
      const [state = '', ...startTime] = askPs(pid, 'stat=,lstart=').trim().split(/\s+/)
      return state.startsWith('Z') || state === '' ? undefined : startTime.join(' ')
    }
    // proc_pid_stat(5): the second field may hold spaces and brackets, so the fields are counted from its end.
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    const [state, ticksSinceBoot] = [fields[0], fields[19]]
    if (state === 'Z' || state === 'X') return undefined
    return `${readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()} ${ticksSinceBoot}`
  } catch {
    return undefined
  }
}

function askPs(pid: number, columns: string): string {
  return execFileSync('ps', ['-o', columns, '-p', String(pid)], {
    encoding: 'utf8',
    env: { ...process.env, LC_ALL: 'C' },
    stdio: ['ignore', 'pipe', 'ignore'],
  })
}
