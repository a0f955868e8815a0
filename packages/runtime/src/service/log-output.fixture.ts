/**
 * Logs 4 MB without a pause, says on standard error how many lines were dropped, and crashes when standard input
 * says so: then, too, it says it on standard error before.
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
