/** A wrong argument. `message` names the argument and the values that it takes. */
export class UsageError extends Error {
  override readonly name = 'UsageError'
}
