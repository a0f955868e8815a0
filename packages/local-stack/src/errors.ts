/**
 * A start that cannot go on for a reason the user can act on. Its message is one line, fit to be shown alone:
 * what was wrong, what was expected, what to do.
 */
export class LocalStackError extends Error {
  readonly code = 'local_stack'
  override readonly name = 'LocalStackError'
}
