#!/usr/bin/env node
import { allowSlowLinks, ConfigError } from '@vss-pipeline/runtime'
import { CommanderError } from 'commander'
import { CommandFailure, UsageError } from './failure.ts'
import { hidePrivate } from './private-arguments.ts'
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
  process.exitCode = settle(error)
}

/**
 * Tells the operator of an error that he can act on, in one line. Any other error is a bug, and shows its stack.
 *
 * @returns the exit code: 2 for wrong usage, a wrong setting among it, and 1 for a failure.
 */
function settle(error: unknown): number {
  // Commander has shown its errors, its help and its version already.
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2
  if (!(error instanceof CommandFailure || error instanceof ConfigError)) throw error
  process.stderr.write(`vss: ${hidePrivate(error.message, process.argv.slice(2))}\n`)
  return error instanceof UsageError || error instanceof ConfigError ? 2 : 1
}
