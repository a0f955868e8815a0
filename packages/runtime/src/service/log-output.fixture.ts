/**
 * Logs 4 MB without a pause, and writes to standard error how many lines were dropped. At the first input it writes
 * `crashing` there, and crashes.
 */
import { countDroppedLogLines } from './log-output.ts'
import { createLogger } from './logger.ts'

const lines = 8_000
const logger = createLogger({ service: 'fixture', level: 'info' })
for (let line = 1; line <= lines; line++) logger.info({ line, padding: 'x'.repeat(400) }, 'said')
process.stderr.write(`dropped ${countDroppedLogLines()}\n`)

process.stdin.once('data', () => {
  logger.fatal('last words')
  process.stderr.write('crashing\n')
  throw new Error('a crash')
})
