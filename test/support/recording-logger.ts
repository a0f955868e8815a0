import { createLogger, type Logger } from '@vss-pipeline/runtime/service'

export interface RecordingLogger {
  logger: Logger
  /** What was logged, line by line as it would be printed. */
  lines: string[]
  /** The messages alone, of one level when it is given. */
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
