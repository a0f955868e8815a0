/**
 * A command that could not do what it was asked, for a reason the operator can act on. Its message is one line,
 * fit to be shown alone: what was wrong, what was expected, what to do.
 */
export class CommandFailure extends Error {
  readonly code = 'command_failed'
  override readonly name = 'CommandFailure'
}
