import { createLogger, type Logger } from '@vss-pipeline/runtime/service'

export interface RecordingLogger {
  logger: Logger
  /** The logged lines, as they would be printed. */
  lines: string[]
  /** The messages without the other fields. With `level`, only messages of that level. */
  messages(level?: string): string[]
}

/** A real logger that writes to memory. */
export function createRecordingLogger(level = 'info'): RecordingLogger {
  const lines: string[] = []
  const logger = createLogger({ service: 'test', level, destination: { write: (line) => lines.push(line) } })
  return {
    logger,
    lines,
    messages: (level) =>
      lines
        .map((line) => JSON.parse(line) as { level: string; msg: string })
        .filter((entry) => level === undefined || entry.level === level)
        .map(({ msg }) => msg),
  }
}
