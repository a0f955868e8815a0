import { constants, fstatSync, openSync, writeSync } from 'node:fs'
import { sleepSync } from '../sleep.ts'

/** Takes log lines. */
export interface LogOutput {
  /** Writes a line now, or once its reader has room for it. Never waits and never throws. */
  write(line: string): void
}

/** A few thousand lines. */
const defaultMaxWaitingBytes = 1024 * 1024
/** How often a reader that has fallen behind is tried again. */
const retryMs = 50
/** At exit the reader has so long to take what waits: the last words of a crash are among it. */
const exitGraceMs = 1_000

let droppedLines = 0

/** How many log lines this process has dropped, because nobody took them in time. */
export function countDroppedLogLines(): number {
  return droppedLines
}

/**
 * Writes lines in their order and never waits for who reads them: a service must not stop because its log does. What
 * the reader has no room for waits in memory. Where that is more than `maxWaitingBytes`, the oldest lines are dropped
 * and counted, because the latest ones tell what is the matter now. A line in their place says how many are missing.
 *
 * @param options.fd of an output that does not block; standard output unless it is given.
 * @param options.tellDropped makes the line, newline included, that says so of a number of lines.
 */
export function createLogOutput(options: {
  fd?: number
  maxWaitingBytes?: number
  tellDropped: (lines: number) => string
}): LogOutput {
  const { maxWaitingBytes = defaultMaxWaitingBytes, tellDropped } = options
  let { fd } = options
  const waiting: Buffer[] = []
  let waitingBytes = 0
  /** A part of it may be written, so that it is no longer one to drop. */
  let lineInHand: Buffer | undefined
  let untoldLines = 0
  let retry: NodeJS.Timeout | undefined
  let isFlushedAtExit = false

  function takeNextLine(): Buffer | undefined {
    if (untoldLines > 0) {
      const line = Buffer.from(tellDropped(untoldLines))
      untoldLines = 0
      return line
    }
    const line = waiting.shift()
    waitingBytes -= line?.length ?? 0
    return line
  }

  /** Writes what the reader takes at once. @returns why something is left: EAGAIN where there is no room. */
  function writeWhatFits(): string | undefined {
    try {
      fd ??= openStandardOutput()
      for (lineInHand ??= takeNextLine(); lineInHand; lineInHand = takeNextLine()) {
        while (lineInHand.length > 0) lineInHand = lineInHand.subarray(writeSync(fd, lineInHand))
      }
      return undefined
    } catch (error) {
      return (error as NodeJS.ErrnoException).code ?? 'unknown'
    }
  }

  function tryAgainLater(): void {
    retry = setTimeout(() => {
      retry = undefined
      if (writeWhatFits() !== undefined) tryAgainLater()
    }, retryMs).unref()
    if (!isFlushedAtExit) process.on('exit', flushAtExit)
    isFlushedAtExit = true
  }

  function dropOldest(): void {
    for (; waitingBytes > maxWaitingBytes; untoldLines++, droppedLines++) {
      waitingBytes -= waiting.shift()!.length
    }
  }

  function flushAtExit(): void {
    const deadline = performance.now() + exitGraceMs
    while (writeWhatFits() === 'EAGAIN' && performance.now() < deadline) sleepSync(5)
  }

  return {
    write(line) {
      const bytes = Buffer.from(line)
      waiting.push(bytes)
      waitingBytes += bytes.length
      // While others wait it is not this one's turn.
      if (retry === undefined && writeWhatFits() !== undefined) tryAgainLater()
      dropOldest()
    },
  }
}

/**
 * Standard output as a descriptor whose writes do not wait. A file is what it is. Else it is opened once more where
 * the system allows that: O_NONBLOCK on the descriptor that we were given would be there for all who share it.
 */
function openStandardOutput(): number {
  const standardOutput = 1
  if (fstatSync(standardOutput).isFile()) return standardOutput
  try {
    const { O_WRONLY, O_NONBLOCK, O_NOCTTY } = constants
    return openSync(`/proc/self/fd/${standardOutput}`, O_WRONLY | O_NONBLOCK | O_NOCTTY)
  } catch {
    // A socket, another user's pipe, or no Linux. Node makes a pipe or a socket non-blocking when it is first asked for.
    return process.stdout.fd
  }
}
