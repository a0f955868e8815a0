import { setTimeout as delay } from 'node:timers/promises'

/**
 * Who may run now: batches beside each other, or one that stalled before alone. If that one kills this process too, it
 * takes nothing along.
 */
export interface Floor {
  /** `open`: what comes runs. `alone`: only batches that stalled before, one after the other. */
  readonly state: 'open' | 'resting' | 'alone' | 'closed'
  /** Runs beside others. */
  runBeside(work: () => Promise<void>): Promise<void>
  /**
   * Runs when everything that ran beside others has ended, and when it is its turn; nothing new is taken meanwhile.
   *
   * @throws when the floor is closed before its turn
   */
  runAlone(work: () => Promise<void>): Promise<void>
  /** Takes nothing new for a moment. */
  rest(): Promise<void>
  /** Nothing new is taken any more; what runs goes on. */
  close(): void
}

type State =
  | { name: 'open' }
  | { name: 'resting' }
  /** `lastTurn` is the end of the last one's turn; the next begins there. */
  | { name: 'alone'; inHand: number; lastTurn: Promise<void> }
  | { name: 'closed' }

const restMs = 1_000

/** @param deps to take no more jobs, and to take them again; `pause` does not wait for those in hand. */
export function createFloor(deps: { pause: () => Promise<void>; resume: () => void }): Floor {
  const { pause, resume } = deps
  let state: State = { name: 'open' }
  let running = 0
  let whenNoneRuns: (() => void) | undefined

  function open(): void {
    state = { name: 'open' }
    resume()
  }

  /** Resolves when nothing runs, and nothing new comes. */
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
    async rest() {
      if (state.name !== 'open') return
      const resting: State = { name: 'resting' }
      state = resting
      await pause()
      await delay(restMs)
      if (state === resting) open()
    },
    close() {
      state = { name: 'closed' }
    },
  }
}
