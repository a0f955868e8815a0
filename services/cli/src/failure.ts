/**
 * A command failed for a reason that the operator can act on. The message is one line that is shown alone: the problem,
 * the expectation and the remedy.
 */
export class CommandFailure extends Error {
  readonly code = 'command_failed'
  override readonly name = 'CommandFailure'
}
