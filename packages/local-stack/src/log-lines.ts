import { styleText } from 'node:util'

/**
 * The members of a log entry that are not shown as fields: each line repeats them, or they stand before the fields.
 */
const shownElsewhere = new Set(['level', 'time', 'service', 'pid', 'msg'])

const levelStyles = { warn: 'yellow', error: 'red', fatal: 'red' } as const

/**
 * Formats a service's JSON log line for people: time, service, level unless it is info, message, then the fields. Other
 * lines keep their text. The line is coloured when standard output is a terminal.
 */
export function formatLogLine(service: string, line: string): string {
  const entry = parse(line)
  const name = service.padEnd('ingest'.length)
  if (!entry) return `${' '.repeat('00:00:00'.length)} ${dim(name)} ${line}`
  const fields = Object.entries(entry)
    .filter(([field]) => !shownElsewhere.has(field))
    .map(([field, value]) => dim(`${field}=${typeof value === 'string' ? value : JSON.stringify(value)}`))
  const level = String(entry.level)
  const style = levelStyles[level as keyof typeof levelStyles]
  const message = style ? styleText(style, `${level}: ${entry.msg}`, { stream: process.stdout }) : entry.msg
  return [dim(timeOf(entry.time)), dim(name), message, ...fields].join(' ')
}

/** Takes the message out of a JSON log line. Any other line is returned unchanged. */
export function messageOf(line: string): string {
  return String(parse(line)?.msg ?? line)
}

function parse(line: string): Record<string, unknown> | undefined {
  try {
    const entry: unknown = JSON.parse(line)
    return typeof entry === 'object' && entry !== null ? (entry as Record<string, unknown>) : undefined
  } catch {
    return undefined
  }
}

/** Formats an ISO time as hours, minutes and seconds in the local zone. */
function timeOf(time: unknown): string {
  return new Date(String(time)).toTimeString().slice(0, 8)
}

function dim(text: string): string {
  return styleText('dim', text, { stream: process.stdout })
}
