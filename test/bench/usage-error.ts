/** A wrong argument: `message` says which, and what it takes. */
export class UsageError extends Error {
  override readonly name = 'UsageError'
}
