/**
 * A command failed for a reason that the operator can act on, and `vss` exits 1. The message is one line that is shown
 * alone: the problem, the expectation and the remedy.
 */
export class CommandFailure extends Error {
  readonly code: string = 'command_failed'
  override readonly name: string = 'CommandFailure'
}

/** The command was used wrongly, so that nothing was tried: `vss` exits 2. */
export class UsageError extends CommandFailure {
  override readonly code = 'wrong_usage'
  override readonly name = 'UsageError'
}
