import { setTimeout as pause } from 'node:timers/promises'

const defaultPollMs = 20

/**
 * Polls until `check` returns something truthy, and returns that.
 *
 * @param what what is waited for, as the subject of "... did not happen within 5 s".
 * @throws an Error that names `what` after `timeoutMs`, or the reason of `signal` once that aborts.
 */
export async function until<Result>(
  what: string,
  check: () => Result | Promise<Result>,
  options: { timeoutMs: number; pollMs?: number; signal?: AbortSignal | undefined },
): Promise<NonNullable<Result>> {
  const { timeoutMs, pollMs = defaultPollMs, signal } = options
  const deadline = performance.now() + timeoutMs
  for (;;) {
    signal?.throwIfAborted()
    const result = await check()
    if (result) return result
    if (performance.now() > deadline) throw new Error(`${what} did not happen within ${timeoutMs / 1000} s`)
    await pause(pollMs)
  }
}
