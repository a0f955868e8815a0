import { hasAnswered, type QueueReader, QueueUnavailableError } from '@vss-pipeline/queue'
import {
  countByTime,
  type Facts,
  type Finding,
  judge,
  type OutcomeBucket,
  type ReceiptToRow,
  readDatabaseState,
  readReceiptToRow,
  type Verdict,
} from '@vss-pipeline/reader'
import { repeatEvery } from '@vss-pipeline/runtime'
import { type Pool, StorageFault } from '@vss-pipeline/storage'
import { redisWords } from './outage.ts'
import { createSharedAnswers } from './shared-answers.ts'
import { type SpanName, spanEndingNow } from './span.ts'

/** The state of the pipeline, as far as it could be read a moment ago. */
export interface LiveState {
  readonly facts: Facts
  readonly verdict: Verdict
  readonly findings: readonly Finding[]
  readonly receiptToRow: ReceiptToRow | null
  /** Postgres' own words, where it cannot be read. */
  readonly databaseProblem: string | null
  /** Redis' own words, where it answers and cannot be used. */
  readonly redisProblem: string | null
  readonly readAtMs: number
}

export interface Live {
  /** The state of a moment ago. Any number of askers cost no more than one. */
  current(): Promise<LiveState>
  /** Counts of deliveries for the chart; null while Postgres cannot be read. */
  chartOf(span: SpanName): Promise<readonly OutcomeBucket[] | null>
  /** Calls the listener for each new state. @returns a function that ends it, or null where too many listen. */
  subscribe(listener: (state: LiveState) => void): (() => void) | null
}

const intervalMs = 2_000
const mostListeners = 200

/** The width of a bar, and the time for which a chart is not read anew: a long one changes little. */
export const chartBuckets: Record<SpanName, { seconds: number; lastsMs: number; words: string }> = {
  hour: { seconds: 60, lastsMs: 4_000, words: 'minute' },
  day: { seconds: 1_800, lastsMs: 60_000, words: 'half hour' },
  week: { seconds: 4 * 3_600, lastsMs: 300_000, words: '4 hours' },
  month: { seconds: 86_400, lastsMs: 600_000, words: 'day' },
}

/** Reads the state for all pages at once, every two seconds while somebody looks, and not at all otherwise. */
export function createLive(deps: { pool: Pool; queue: QueueReader; nowMs: () => number }): Live {
  const { pool, queue, nowMs } = deps
  const listeners = new Set<(state: LiveState) => void>()
  const chart = createSharedAnswers<readonly OutcomeBucket[] | null>({ nowMs })
  let latest: LiveState | undefined
  let reading: Promise<LiveState> | undefined
  let stopTurning: (() => void) | undefined

  async function read(): Promise<LiveState> {
    const hourAgo = spanEndingNow('hour', nowMs()).since
    const [redis, database] = await Promise.all([
      queue.readState().catch((error: unknown) => {
        if (error instanceof QueueUnavailableError) return error
        throw error
      }),
      readDatabase(hourAgo).catch((error: unknown) => {
        if (error instanceof StorageFault) return error
        throw error
      }),
    ])
    const isRedisThere = redis instanceof QueueUnavailableError && hasAnswered(redis.cause)
    const facts: Facts = {
      ...(redis instanceof QueueUnavailableError
        ? { redisProblem: isRedisThere ? 'unusable' : 'away' }
        : redis),
      ...(database instanceof StorageFault ? { databaseProblem: nameProblem(database) } : database.state),
    }
    latest = {
      facts,
      ...judge(facts, nowMs()),
      receiptToRow: database instanceof StorageFault ? null : database.receiptToRow,
      databaseProblem: database instanceof StorageFault ? database.message : null,
      redisProblem: isRedisThere ? redisWords(redis) : null,
      readAtMs: nowMs(),
    }
    return latest
  }
  async function readDatabase(since: Date) {
    const state = await readDatabaseState(pool, since)
    return { state, receiptToRow: await readReceiptToRow(pool, new Date(nowMs() - 300_000)) }
  }
  function readOnce(): Promise<LiveState> {
    reading ??= read().finally(() => {
      reading = undefined
    })
    return reading
  }
  async function turn(): Promise<void> {
    const state = await readOnce().catch(() => undefined)
    if (state === undefined) return
    for (const listener of listeners) listener(state)
  }

  return {
    async current() {
      const isFresh = latest !== undefined && nowMs() - latest.readAtMs < intervalMs
      return isFresh ? latest! : await readOnce()
    },
    async chartOf(span) {
      const { seconds, lastsMs } = chartBuckets[span]
      return await chart(span, lastsMs, () =>
        countByTime(pool, { ...spanEndingNow(span, nowMs()), bucketSeconds: seconds }).catch(() => null),
      )
    },
    subscribe(listener) {
      if (listeners.size >= mostListeners) return null
      listeners.add(listener)
      stopTurning ??= repeatEvery(intervalMs, turn)
      return function unsubscribe() {
        listeners.delete(listener)
        if (listeners.size > 0) return
        stopTurning?.()
        stopTurning = undefined
      }
    },
  }
}

/** A server that has answered may lack the schema, or refuse its role. */
function nameProblem({ code }: StorageFault): 'away' | 'unusable' {
  return code === 'database_unavailable' ? 'away' : 'unusable'
}
