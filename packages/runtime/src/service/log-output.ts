import { constants, fstatSync, openSync, writeSync } from 'node:fs'
import { sleepSync } from '../sleep.ts'

/** Takes log lines. */
export interface LogOutput {
  /** Writes a line now, or once the reader has room for it. Never waits and never throws. */
  write(line: string): void
}

/** About a few thousand lines. */
const defaultMaxWaitingBytes = 1024 * 1024
/** How often lines are offered again to a reader that has fallen behind. */
const retryMs = 50
/** At exit the reader has this long to read the waiting lines, because the last of them explain a crash. */
const exitGraceMs = 1_000

let droppedLines = 0

/** How many log lines this process has dropped, because nobody read them in time. */
export function countDroppedLogLines(): number {
  return droppedLines
}

/**
 * Writes lines in their order and never waits for their reader: a service must not stop because its log does. Lines
 * that the reader has no room for wait in memory. Where they are more than `maxWaitingBytes`, the oldest are dropped and
 * counted, because the newest say what is wrong now. A line in their place says how many are missing.
 *
 * @param options.fd is a descriptor that does not block; standard output by default.
 * @param options.tellDropped makes the line, newline included, that says how many lines are missing.
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
  /** A part of this line may be written already, so it cannot be dropped. */
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

  /** Writes lines while the reader has room. @returns why some are left: EAGAIN where it has no room. */
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
      // While older lines wait, it is not this one's turn.
      if (retry === undefined && writeWhatFits() !== undefined) tryAgainLater()
      dropOldest()
    },
  }
}

/**
 * Standard output as a descriptor whose writes do not wait. Writes to a file never wait for a reader. Other outputs are
 * opened once more, where the system allows that, because O_NONBLOCK on the descriptor that we were given would apply to
 * all processes that share it.
 */
function openStandardOutput(): number {
  const standardOutput = 1
  if (fstatSync(standardOutput).isFile()) return standardOutput
  try {
    const { O_WRONLY, O_NONBLOCK, O_NOCTTY } = constants
    return openSync(`/proc/self/fd/${standardOutput}`, O_WRONLY | O_NONBLOCK | O_NOCTTY)
  } catch {
    // A socket, another user's pipe, or not Linux. Node makes a pipe or a socket non-blocking at the first use of it.
    return process.stdout.fd
  }
}
