/** Gives the answer of a moment ago to whoever asks the same, also while it is still being read. */
export type SharedAnswers<Answer> = (
  key: string,
  lastsMs: number,
  read: () => Promise<Answer>,
) => Promise<Answer>

/** More questions are not remembered: people at browsers choose from few. */
const mostAnswers = 50

/** @param options.nowMs the clock, in milliseconds since the Unix epoch */
export function createSharedAnswers<Answer>(options: { nowMs: () => number }): SharedAnswers<Answer> {
  const { nowMs } = options
  const known = new Map<string, { readAtMs: number; answer: Promise<Answer> }>()

  return function ask(key, lastsMs, read) {
    const found = known.get(key)
    if (found !== undefined && nowMs() - found.readAtMs < lastsMs) return found.answer
    const answer = read()
    known.delete(key)
    known.set(key, { readAtMs: nowMs(), answer })
    if (known.size > mostAnswers) known.delete(known.keys().next().value!)
    // The next one asks again.
    answer.catch(() => {
      if (known.get(key)?.answer === answer) known.delete(key)
    })
    return answer
  }
}
