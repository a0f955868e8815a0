import { stripVTControlCharacters } from 'node:util'
import type { IngestReport, ProcessList } from '@vss-pipeline/queue'
import { type Facts, judge } from '@vss-pipeline/reader'
import { expect, test } from 'vitest'
import { renderStatus } from './render.ts'

const nowMs = Date.now()

function ingest(place: string, deliveries: number): IngestReport & { toldAtMs: number } {
  return {
    service: 'ingest',
    id: place,
    place,
    version: '1.2.3',
    startedAtMs: nowMs - 60_000,
    clockMs: nowMs,
    toldAtMs: nowMs,
    payloadVersion: 3,
    shards: 1,
    waitReplicas: 0,
    spool: {
      deliveries,
      bytes: deliveries * 1_000,
      maxBytes: 2 ** 30,
      diskFreeBytes: 2 ** 33,
      oldestMs: deliveries === 0 ? null : nowMs,
      notEmptySinceMs: deliveries === 0 ? null : nowMs,
    },
    hasSecret: true,
    lastHour: { accepted: 1, refused: {} },
    lastReceivedAtMs: null,
  }
}

function render(running: ProcessList['running'], more: Facts = {}): string {
  const facts: Facts = {
    prefix: '{vss}',
    isPrefixKnown: true,
    processes: { running, unreadable: 0, lastToldAtMs: { worker: nowMs, ingest: nowMs }, nowMs },
    ...more,
  }
  return renderStatus({ facts, ...judge(facts), problems: [], since: new Date(nowMs) })
}

test('the fullest spools come first, and any number of processes fits on a screen', () => {
  const spools = Array.from({ length: 100 }, (_, index) => ingest(`host-${index}:/spool`, index))
  const lines = render(spools).split('\n')
  expect(lines.filter((line) => line.startsWith('  spool'))).toHaveLength(6)
  expect(lines).toContainEqual(
    expect.stringMatching(/^ {2}spool +99 deliveries, 96\.7 KiB of 1\.0 GiB since/),
  )
  expect(lines).toContainEqual(expect.stringMatching(/^ {2}spool +and 95 more, with 4,465 in all$/))
  expect(lines).toContain('and 80 more')
  expect(lines.length).toBeLessThan(60)
})

test('names that others chose stay within 80 columns, and control no terminal', () => {
  const hostile = `\u001b[31mhost\u202e${'x'.repeat(4_000)}\n:/spool`
  const shown = stripVTControlCharacters(
    render([ingest(hostile, 1)], {
      completeUntil: { at: null, reason: hostile, updatedAt: new Date(nowMs).toISOString() },
    }),
  )
  expect(shown.split('\n').filter((line) => line.length > 80)).toEqual([])
  expect(shown.replaceAll('\n', '')).not.toMatch(/[\p{Cc}\p{Cf}]/u)
})
