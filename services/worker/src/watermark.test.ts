import type { IngestMark, WatermarkFacts } from '@vss-pipeline/queue'
import { expect, test } from 'vitest'
import { judgeWatermark } from './watermark.ts'

const nowMs = Date.UTC(2026, 0, 2, 3, 4, 5)

function mark(more: Partial<IngestMark> = {}): IngestMark {
  return {
    id: 'one',
    place: 'host:/spool',
    hasSpool: true,
    shards: 1,
    untilMs: nowMs - 500,
    toldAtMs: nowMs - 500,
    clockMs: nowMs - 500,
    text: '',
    ...more,
  }
}

function facts(more: Partial<WatermarkFacts> = {}): WatermarkFacts {
  return { marks: [mark()], retired: [], nowMs, oldestOpenMs: null, ...more }
}

test('it is the mark of the only ingest while nothing waits', () => {
  expect(judgeWatermark(facts(), [])).toEqual({ untilMs: nowMs - 500, reason: 'nothing waits' })
})

test('the least of all bounds counts, and says why', () => {
  const spooling = mark({ id: 'two', untilMs: nowMs - 60_000 })
  expect(judgeWatermark(facts({ marks: [mark(), spooling], oldestOpenMs: nowMs - 30_000 }), [])).toEqual({
    untilMs: nowMs - 60_000,
    reason: 'ingest two (host:/spool) holds deliveries',
  })
  expect(judgeWatermark(facts({ oldestOpenMs: nowMs - 30_000 }), [])).toEqual({
    untilMs: nowMs - 30_000,
    reason: 'deliveries wait in the queue',
  })
})

test('an ingest that is silent holds it', () => {
  const silent = mark({ untilMs: nowMs - 20_000, toldAtMs: nowMs - 20_000 })
  expect(judgeWatermark(facts({ marks: [silent] }), [])).toEqual({
    untilMs: nowMs - 20_000,
    reason: 'ingest one (host:/spool) is silent since 2026-01-02T03:03:45.000Z',
  })
})

test('an ingest with a clock that is behind holds it', () => {
  const behind = mark({ untilMs: nowMs - 3_600_500, clockMs: nowMs - 3_600_500 })
  expect(judgeWatermark(facts({ marks: [mark({ id: 'two' }), behind] }), [])).toEqual({
    untilMs: nowMs - 3_600_500,
    reason: 'the clock of ingest one (host:/spool) is 3600 s behind that of Redis',
  })
})

test('Redis may forget an ingest, and Postgres has not', () => {
  const forgotten = mark({ id: 'two', untilMs: nowMs - 20_000, toldAtMs: nowMs - 20_000 })
  expect(judgeWatermark(facts(), [forgotten]).untilMs).toBe(nowMs - 20_000)
  expect(judgeWatermark(facts({ marks: [] }), [forgotten])).toEqual({
    untilMs: null,
    reason: 'ingest two (host:/spool) is silent since 2026-01-02T03:03:45.000Z',
  })
})

test('it is not held by an ingest that said goodbye, that told a later mark, or whose deliveries were all in Redis', () => {
  const before = mark({ id: 'two', untilMs: nowMs - 20_000 })
  const held = { untilMs: nowMs - 500, reason: 'nothing waits' }
  expect(judgeWatermark(facts({ retired: ['two'] }), [before])).toEqual(held)
  expect(judgeWatermark(facts({ marks: [mark({ id: 'two' })] }), [before])).toEqual(held)
  const longAgo = { ...before, hasSpool: false, toldAtMs: nowMs - 71_000 }
  expect(judgeWatermark(facts(), [longAgo])).toEqual(held)
  expect(judgeWatermark(facts(), [{ ...longAgo, toldAtMs: nowMs - 20_000 }]).untilMs).toBe(nowMs - 20_000)
})

test('nothing is known before an ingest has told its mark', () => {
  expect(judgeWatermark(facts({ marks: [] }), [])).toEqual({
    untilMs: null,
    reason: 'no ingest runs',
  })
})
