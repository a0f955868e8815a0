/**
 * A start that cannot go on, for a reason that the user can mend. Its message is one line that can be shown alone. It
 * tells the mistake, the expectation and the remedy.
 */
export class LocalStackError extends Error {
  readonly code = 'local_stack'
  override readonly name = 'LocalStackError'
}
