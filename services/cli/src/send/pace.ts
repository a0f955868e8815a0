import { setTimeout as wait } from 'node:timers/promises'

/** Waits for the next turn. Resolves with true, or with false when the signal has been aborted. */
export type WaitForTurn = () => Promise<boolean>

/**
 * Spreads turns evenly: the n-th comes n/rate seconds after the first. The times follow the clock, so that a late turn
 * does not delay the next ones. Without a rate every turn comes at once.
 */
export function createPace(ratePerSecond: number | undefined, signal: AbortSignal): WaitForTurn {
  if (ratePerSecond === undefined) return async () => !signal.aborted
  let startedAtMs: number | undefined
  let turns = 0
  return async function waitForTurn() {
    startedAtMs ??= performance.now()
    const turnAtMs = startedAtMs + (turns++ * 1000) / ratePerSecond
    const remainingMs = turnAtMs - performance.now()
    if (remainingMs > 0) await wait(Math.ceil(remainingMs), undefined, { signal }).catch(() => {})
    return !signal.aborted
  }
}
