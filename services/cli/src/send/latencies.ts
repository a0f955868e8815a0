import { createHistogram } from 'node:perf_hooks'

/** Percentiles in milliseconds. */
export interface LatencySummary {
  p50: number
  p90: number
  p99: number
  max: number
}

export interface Latencies {
  /** Adds a latency in milliseconds. One of more than an hour counts as an hour. */
  add(latencyMs: number): void
  /** Sums up, to three digits; null where there are no latencies. */
  summarize(): LatencySummary | null
}

const hourMicroseconds = 3_600_000_000
const figures = 3

/** Collects latencies in a histogram, whose size does not grow with their number. */
export function createLatencies(): Latencies {
  const microseconds = createHistogram({ lowest: 1, highest: hourMicroseconds, figures })
  const toMs = (value: number) => Number((value / 1000).toPrecision(figures))
  return {
    add(latencyMs) {
      microseconds.record(Math.min(Math.max(Math.round(latencyMs * 1000), 1), hourMicroseconds))
    },
    summarize() {
      if (microseconds.count === 0) return null
      return {
        p50: toMs(microseconds.percentile(50)),
        p90: toMs(microseconds.percentile(90)),
        p99: toMs(microseconds.percentile(99)),
        max: toMs(microseconds.max),
      }
    },
  }
}
