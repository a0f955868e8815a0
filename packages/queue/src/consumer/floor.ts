/**
 * Decides which batches run now: several beside each other, or one alone that stalled before. A batch that runs alone
 * harms no other if it kills this process too.
 */
export interface Floor {
  /**
   * `open`: every batch runs. `alone`: only batches that stalled before run, one after the other. `closed`: no more jobs
   * are taken.
   */
  readonly state: 'open' | 'alone' | 'closed'
  /** Runs beside others. */
  runBeside(work: () => Promise<void>): Promise<void>
  /**
   * Waits until the batches that run beside others have ended and until its turn, and then runs. No more jobs are taken
   * until it has ended.
   *
   * @throws when the floor is closed before its turn.
   */
  runAlone(work: () => Promise<void>): Promise<void>
  /** Takes no jobs any more. Batches that run go on. */
  close(): void
}

type State =
  | { name: 'open' }
  /** `lastTurn` resolves at the end of the last turn, where the next begins. */
  | { name: 'alone'; inHand: number; lastTurn: Promise<void> }
  | { name: 'closed' }

/** @param deps.pause stops the taking of jobs, without waiting for jobs in hand. `deps.resume` starts it again. */
export function createFloor(deps: { pause: () => Promise<void>; resume: () => void }): Floor {
  const { pause, resume } = deps
  let state: State = { name: 'open' }
  let running = 0
  let whenNoneRuns: (() => void) | undefined

  function open(): void {
    state = { name: 'open' }
    resume()
  }

  /** Resolves when no batch runs and no more jobs are taken. */
  async function clear(): Promise<void> {
    const othersDone = new Promise<void>((resolve) => {
      whenNoneRuns = resolve
    })
    await pause()
    if (running > 0) await othersDone
  }

  function isClosed(): boolean {
    return state.name === 'closed'
  }

  return {
    get state() {
      return state.name
    },
    async runBeside(work) {
      running++
      try {
        await work()
      } finally {
        running--
        if (running === 0) whenNoneRuns?.()
      }
    },
    async runAlone(work) {
      if (state.name === 'closed') throw new Error('told to stop before its turn')
      const alone = state.name === 'alone' ? state : { name: 'alone' as const, inHand: 0, lastTurn: clear() }
      state = alone
      alone.inHand++
      const turn = alone.lastTurn.then(() => {
        if (isClosed()) throw new Error('told to stop before its turn')
        return work()
      })
      alone.lastTurn = turn.catch(() => undefined)
      try {
        await turn
      } finally {
        alone.inHand--
        if (alone.inHand === 0 && state === alone) open()
      }
    },
    close() {
      state = { name: 'closed' }
    },
  }
}
