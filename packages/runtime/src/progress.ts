/** Tells whether the work that a service has in hand moves on. */
export interface Progress {
  /** A piece of work begins. */
  begin(): void
  /** A piece of work ends, well or not. */
  end(): void
  /** Something happened to work in hand: a try, or the end of an intended wait. */
  step(): void
  /** Nothing has happened to the work in hand for a long time: only a restart can help. */
  readonly isStuck: boolean
}

/** @param options.stuckAfterMs must be longer than any wait that a service intends. */
export function createProgress(options: { stuckAfterMs: number; now?: () => number }): Progress {
  const { stuckAfterMs, now = () => performance.now() } = options
  let inHand = 0
  let lastStepMs = now()
  function step(): void {
    lastStepMs = now()
  }
  return {
    begin() {
      if (inHand === 0) step()
      inHand++
    },
    end() {
      inHand--
      step()
    },
    step,
    get isStuck() {
      return inHand > 0 && now() - lastStepMs > stuckAfterMs
    },
  }
}
