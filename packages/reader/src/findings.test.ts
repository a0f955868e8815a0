import { describe, expect, test } from 'vitest'
import { type Facts, findAll } from './findings.ts'

const quiet: NonNullable<Facts['queue']> = {
  jobs: { waiting: 0, active: 0, delayed: 0, failed: 0 },
  deliveries: 0,
  oldestWaitingSeconds: 0,
  isPaused: false,
  awayShards: [],
}

const feed: NonNullable<Facts['feed']> = {
  refusal: null,
  heldSeconds: 75.9,
  holder: {
    barrier: '7',
    kind: 'connection',
    pid: 4711,
    preparedName: null,
    databaseName: 'crm',
    applicationName: 'slow "report"',
    since: '2026-01-02T03:04:05.678Z',
  },
  consumers: [],
  consumerCount: 0,
}

test('a pipeline that works gives no finding', () => {
  const busy = { ...quiet, jobs: { ...quiet.jobs, waiting: 30, active: 64 }, oldestWaitingSeconds: 2 }
  expect(findAll({ queue: busy, feed: { ...feed, heldSeconds: 9.9 } })).toEqual([])
})

test('facts that could not be read give no finding', () => {
  expect(findAll({})).toEqual([])
})

describe('the facts give a finding', () => {
  const cases: [code: string, level: string, facts: Facts, text: string][] = [
    [
      'shard_away',
      'error',
      { queue: { ...quiet, awayShards: [1, 3] } },
      'shard 1, 3 does not answer: its batches wait, and ingest fills others',
    ],
    [
      'batches_failed',
      'error',
      { queue: { ...quiet, jobs: { ...quiet.jobs, failed: 1 } } },
      '1 batch could not be read back',
    ],
    [
      'batches_delayed',
      'warning',
      { queue: { ...quiet, jobs: { ...quiet.jobs, delayed: 3 } } },
      '3 batches met a fault and will be tried again',
    ],
    [
      'queue_late',
      'error',
      { queue: { ...quiet, oldestWaitingSeconds: 90.4 } },
      'a delivery has waited for 1 min 30 s',
    ],
    [
      'queue_paused',
      'warning',
      { queue: { ...quiet, isPaused: true } },
      'the queue is paused: workers take nothing from it',
    ],
    [
      'redis_nearly_full',
      'warning',
      {
        redis: {
          node: null,
          version: '7.0.15',
          usedBytes: 91,
          maxBytes: 100,
          isNearlyFull: true,
          isAppendOnly: true,
          appendFsync: 'always',
          evictionPolicy: 'noeviction',
        },
      },
      'Redis has used 91 % of its memory',
    ],
    [
      'feed_refused',
      'error',
      { feed: { ...feed, heldSeconds: 0, refusal: 'other server' } },
      'nobody can read the change feed, because its rows are from another server',
    ],
    [
      'feed_refused',
      'error',
      { feed: { ...feed, heldSeconds: 0, refusal: 'other timeline' } },
      'nobody can read the change feed, because no worker has run since a failover or a recovery',
    ],
    [
      'feed_stalled',
      'error',
      { feed },
      'the change feed has shown no new change for 75 s: it waits for connection 4711 (application "slow \\"report\\"") in database "crm", open since 2026-01-02T03:04:05.678Z',
    ],
    [
      'feed_stalled',
      'warning',
      {
        feed: {
          ...feed,
          heldSeconds: 10,
          holder: { ...feed.holder, kind: 'prepared transaction', preparedName: 'forgotten', since: null },
        },
      },
      'the change feed has shown no new change for 10 s: it waits for the prepared transaction "forgotten" in database "crm"',
    ],
    [
      'feed_stalled',
      'warning',
      { feed: { ...feed, heldSeconds: 59.9, holder: { ...feed.holder, kind: 'unknown' } } },
      'the change feed has shown no new change for 59 s: the primary of this standby knows why',
    ],
  ]
  test.each(cases)('%s', (code, level, facts, text) => {
    expect(findAll(facts)).toEqual([{ code, level, text, remedy: expect.stringMatching(/\w/) }])
  })
})

test('errors come first', () => {
  const queue = { ...quiet, jobs: { ...quiet.jobs, delayed: 1, failed: 2 } }
  const levels = findAll({ queue: { ...queue, isPaused: true } }).map(({ level }) => level)
  expect(levels).toEqual(['error', 'warning', 'warning'])
})
