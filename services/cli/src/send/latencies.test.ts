import { expect, it } from 'vitest'
import { createLatencies } from './latencies.ts'

it('gives null without latencies', () => {
  expect(createLatencies().summarize()).toBeNull()
})

it('gives percentiles in milliseconds, in any order of latencies', () => {
  const latencies = createLatencies()
  for (let ms = 1000; ms >= 1; ms--) latencies.add(ms)
  expect(latencies.summarize()).toEqual({ p50: 500, p90: 900, p99: 990, max: 1000 })
})

it('tells latencies below a millisecond apart', () => {
  const latencies = createLatencies()
  for (const ms of [0.1, 0.2, 0.3]) latencies.add(ms)
  expect(latencies.summarize()).toEqual({ p50: 0.2, p90: 0.3, p99: 0.3, max: 0.3 })
})

it('counts a latency out of range as the nearest in range', () => {
  const latencies = createLatencies()
  latencies.add(0)
  latencies.add(5 * 3_600_000)
  const { p50, max } = latencies.summarize()!
  expect(p50).toBe(0.001)
  expect(max).toBe(3_600_000)
})
