/** Whether the work that a service has in hand moves on. */
export interface Progress {
  /** One piece of work is taken up. */
  begin(): void
  /** One is finished, well or not. */
  end(): void
  /** Something happened to what is in hand: a try, or a wait that is meant. */
  step(): void
  /** Work is in hand and nothing has happened to it for a long time: only a restart can help. */
  readonly isStuck: boolean
}

/** @param options.stuckAfterMs longer than anything that a service waits for on purpose. */
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
