import { type Logger, pino, stdTimeFunctions } from 'pino'
import { createLogOutput } from './log-output.ts'

export type { Logger }

/**
 * A structured logger: one JSON object a line on standard output. It never waits for a reader. Lines that nobody reads
 * in time are dropped, and a line in their place says how many.
 *
 * Phone numbers are personal data and never reach a log: every line passes {@link redactNumbers}, so that no call site,
 * library or error message can leak one.
 */
export function createLogger(options: {
  service: string
  level: string
  destination?: { write(line: string): void }
}): Logger {
  const base = { service: options.service, pid: process.pid }
  const settings = {
    level: options.level,
    base,
    timestamp: stdTimeFunctions.isoTime,
    formatters: { level: (label: string) => ({ level: label }) },
    serializers: { err: (error: unknown) => describeError(error, maxCauses) },
    hooks: { streamWrite: redactNumbers },
  }
  function tellDropped(dropped: number): string {
    const line = {
      level: 'warn',
      time: new Date().toISOString(),
      ...base,
      dropped,
      msg: 'log lines are missing here',
    }
    return `${JSON.stringify(line)}\n`
  }
  // pino's own destination waits for its reader, at each line or, with a buffer, at exit and without end.
  return pino(settings, options.destination ?? createLogOutput({ tellDropped }))
}

/**
 * The members of an error that are logged. Libraries add others, such as a Redis command with its arguments, which hold
 * a batch of bodies.
 */
function describeError(error: unknown, causesLeft: number): object {
  if (!(error instanceof Error)) return { message: String(error) }
  const { name, message, stack, cause } = error
  const { code } = error as { code?: unknown }
  const description = { type: name, code, message, stack }
  return cause === undefined || causesLeft === 0
    ? description
    : { ...description, cause: describeError(cause, causesLeft - 1) }
}

/** A bound, because an error may be its own cause. */
const maxCauses = 8

// Digits after a `+`, with or without spaces, dashes and brackets between them.
const international = /(?:\+|%2B)\d(?:[ ().-]*\d){4,}/
// A run of digits as a word of its own. A colon counts only inside a text: after a quote it begins a JSON number.
const bare = /(?<=["' (=<]|[^"]:|\\[nrt])\d{8,15}(?=["' ).,:;>\\])/
const phoneNumbers = new RegExp(`${international.source}|${bare.source}`, 'gi')

/**
 * Replaces possible phone numbers in a JSON log line: digits after a `+`, and a run of 8 to 15 digits that is a word of
 * its own inside a text. JSON numbers, timestamps and UUIDs stay as they are.
 */
export function redactNumbers(line: string): string {
  return line.replace(phoneNumbers, '[number]')
}
