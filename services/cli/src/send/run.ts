import type { WaitForTurn } from './pace.ts'
import type { Answer } from './post.ts'
import type { Tally } from './tally.ts'

/**
 * Posts all bodies, up to `concurrency` at a time, and tallies the answers. It ends early when `stop` is aborted by the
 * operator. It aborts `stop` itself when nobody answers: at the first post without an answer if none ever came, else
 * after ten times `concurrency` such posts in a row. Posts under way are finished first.
 *
 * @returns the code of the last post without an answer where nobody answers; null otherwise.
 */
export async function postAll(deps: {
  bodies: Iterator<Uint8Array, void>
  concurrency: number
  waitForTurn: WaitForTurn
  post: (body: Uint8Array) => Promise<Answer>
  tally: Tally
  onAnswer: (answer: Answer) => void
  stop: AbortController
}): Promise<string | null> {
  const { bodies, concurrency, waitForTurn, post, tally, onAnswer, stop } = deps
  let gaveUpFor: string | null = null

  async function postInTurn(): Promise<void> {
    for (let next = bodies.next(); !next.done; next = bodies.next()) {
      if (!(await waitForTurn())) return
      const startedAtMs = performance.now()
      const answer = await post(next.value)
      tally.add(answer, performance.now() - startedAtMs)
      onAnswer(answer)
      const hasEverAnswered = tally.posted > tally.unansweredInARow
      if (tally.unansweredInARow >= (hasEverAnswered ? 10 * concurrency : 1)) {
        gaveUpFor = answer.code
        stop.abort()
      }
    }
  }

  try {
    await Promise.all(Array.from({ length: concurrency }, postInTurn))
  } finally {
    stop.abort()
  }
  return gaveUpFor
}
