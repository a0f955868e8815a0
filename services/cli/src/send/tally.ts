import { createLatencies, type LatencySummary } from './latencies.ts'
import type { Answer } from './post.ts'

export interface AnswerCount {
  status: number | null
  code: string | null
  count: number
}

export interface Tally {
  add(answer: Answer, latencyMs: number): void
  /** The number of posts that have ended, answered or not. */
  readonly posted: number
  readonly acknowledged: number
  /** The number of posts without an answer since the last answer. */
  readonly unansweredInARow: number
  /** The answers by kind, the most frequent first. */
  answers(): AnswerCount[]
  latencies(): LatencySummary | null
}

/** Counts answers by status and code, and collects their latencies. */
export function createTally(): Tally {
  const counts = new Map<string, AnswerCount>()
  const latencies = createLatencies()
  let posted = 0
  let acknowledged = 0
  let unansweredInARow = 0
  return {
    add({ status, code, deliveryId }, latencyMs) {
      const kind = `${status} ${code}`
      const answer = counts.get(kind) ?? { status, code, count: 0 }
      answer.count++
      counts.set(kind, answer)
      posted++
      if (deliveryId !== null) acknowledged++
      unansweredInARow = status === null ? unansweredInARow + 1 : 0
      if (status !== null) latencies.add(latencyMs)
    },
    get posted() {
      return posted
    },
    get acknowledged() {
      return acknowledged
    },
    get unansweredInARow() {
      return unansweredInARow
    },
    answers: () => [...counts.values()].sort((a, b) => b.count - a.count),
    latencies: () => latencies.summarize(),
  }
}
