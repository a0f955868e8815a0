import { setTimeout as pause } from 'node:timers/promises'

const defaultPollMs = 20

/**
 * Polls until `check` returns a truthy value, and returns the value.
 *
 * @param event a name for the event, as the subject of "... did not happen within 5 s".
 * @throws an Error that names `event` after `timeoutMs`, or the reason of `signal` when that aborts.
 */
export async function until<Result>(
  event: string,
  check: () => Result | Promise<Result>,
  options: { timeoutMs: number; pollMs?: number; signal?: AbortSignal | undefined },
): Promise<NonNullable<Result>> {
  const { timeoutMs, pollMs = defaultPollMs, signal } = options
  const deadline = performance.now() + timeoutMs
  for (;;) {
    signal?.throwIfAborted()
    const result = await check()
    if (result) return result
    if (performance.now() > deadline) throw new Error(`${event} did not happen within ${timeoutMs / 1000} s`)
    await pause(pollMs)
  }
}
