#!/usr/bin/env node
import { allowSlowLinks, ConfigError } from '@vss-pipeline/runtime'
import { CommandFailure } from './failure.ts'
import { createProgram } from './program.ts'

// `vss ... | head` closes our output early, which is not a failure.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error
  process.exit()
})

allowSlowLinks()
try {
  await createProgram(process.env).parseAsync()
} catch (error) {
  // An error that the operator can act on is one line. Any other error is a bug, and shows its stack.
  if (!(error instanceof CommandFailure || error instanceof ConfigError)) throw error
  process.stderr.write(`vss: ${error.message}\n`)
  process.exitCode = 1
}
