import { expect, it } from 'vitest'
import { renderSummary } from './summary.ts'

it('fits 80 columns with the longest values', () => {
  const latency = 123_456_789.1
  const text = renderSummary({
    url: `https://ingest.telephony.example.com/${'webhooks/'.repeat(9)}vss`,
    seed: 'a seed that somebody chose '.repeat(5),
    planned: 1_000_000_000,
    posted: 999_999_999,
    acknowledged: 999_999_998,
    answers: [
      { status: 200, code: null, count: 999_999_998 },
      { status: 503, code: 'x'.repeat(40), count: 1 },
      { status: null, code: 'UND_ERR_CONNECT_TIMEOUT', count: 1 },
    ],
    latencyMs: { p50: latency, p90: latency, p99: latency, max: latency },
    seconds: 9_999_999.9,
    ratePerSecond: 123_000,
  })
  expect(text).toMatch(
    /^Posted 999,999,999 of 1,000,000,000 in 9999999\.9 s: 123,000 a second\n {2}to {4}https:/,
  )
  expect(text.split('\n').filter((line) => line.length > 80)).toEqual([])
})
