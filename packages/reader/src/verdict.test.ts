import type { IngestReport, ProcessList, RunningProcess } from '@vss-pipeline/queue'
import { describe, expect, test } from 'vitest'
import type { Facts } from './findings.ts'
import type { OutcomeCounts } from './minutes.ts'
import { judge } from './verdict.ts'

const nowMs = Date.parse('2026-03-01T12:00:00Z')
const secondMs = 1_000
const minuteMs = 60 * secondMs

const none: OutcomeCounts = { stored: 0, duplicate: 0, superseded: 0, rejected: 0 }
const noReasons = { counts: [], deliveries: 0 }

const process = {
  version: '1.2.3',
  place: 'host',
  startedAtMs: nowMs - 5 * minuteMs,
  clockMs: nowMs,
  toldAtMs: nowMs,
}
const worker: RunningProcess = {
  ...process,
  id: 'w',
  service: 'worker',
  isDatabaseThere: true,
  shards: 1,
  shardsRead: [0],
  payloadVersions: [1, 2, 3],
}
const ingest: IngestReport & { toldAtMs: number } = {
  ...process,
  id: 'i',
  service: 'ingest',
  payloadVersion: 3,
  shards: 1,
  waitReplicas: 0,
  spool: null,
  hasSecret: true,
  lastHour: { accepted: 100, refused: {} },
  lastReceivedAtMs: nowMs - 200 * secondMs,
}

function processes(
  running: readonly RunningProcess[] = [ingest, worker],
  lastToldAtMs: ProcessList['lastToldAtMs'] = { ingest: nowMs, worker: nowMs },
): ProcessList {
  return { running, unreadable: 0, lastToldAtMs, nowMs }
}

const queue: NonNullable<Facts['queue']> = {
  jobs: { waiting: 0, active: 0, delayed: 0, failed: 0 },
  deliveries: 0,
  oldestWaitingSeconds: 0,
  isPaused: false,
  awayShards: [],
}

const redis = {
  node: null,
  version: '7.0.15',
  usedBytes: 1,
  maxBytes: null,
  isNearlyFull: false,
  isAppendOnly: true,
  appendFsync: 'always',
  evictionPolicy: 'noeviction',
}

const inRedis = { prefix: '{vss}', isPrefixKnown: true, queue, processes: processes(), redis }
const known = { id: 'a', place: 'host:/spool', hasSpool: true, untilMs: nowMs, toldAtMs: nowMs }
const inDatabase = {
  outcomes: { sinceThen: none, lastHour: none, lastFiveMinutes: none },
  rejectReasons: { sinceThen: noReasons, lastHour: noReasons },
  lastRecordedReceipt: null,
  lastStoredAt: null,
  ingests: [known],
}

const sound: Facts = { ...inRedis, ...inDatabase }

/** The sound pipeline, with other parts. */
function but(facts: Facts): Facts {
  return { ...sound, ...facts }
}

function outcomes(lastHour: Partial<OutcomeCounts>, lastFiveMinutes: Partial<OutcomeCounts> = {}): Facts {
  return {
    outcomes: {
      sinceThen: none,
      lastHour: { ...none, ...lastHour },
      lastFiveMinutes: { ...none, ...lastFiveMinutes },
    },
  }
}

function posts(accepted: number, refused: Record<string, number>): Facts {
  return { processes: processes([worker, { ...ingest, lastHour: { accepted, refused } }]) }
}

function spool(seconds: number): Facts {
  const notEmptySinceMs = nowMs - seconds * secondMs
  const size = { deliveries: 500, bytes: 1, maxBytes: 2, diskFreeBytes: null }
  const content = { ...size, oldestMs: notEmptySinceMs, notEmptySinceMs }
  return { processes: processes([worker, { ...ingest, spool: content }]) }
}

function withoutWorker(lastWord: number | undefined, deliveries = 0): Facts {
  const told = lastWord === undefined ? {} : { worker: nowMs - lastWord * secondMs }
  return {
    processes: processes([ingest], { ingest: nowMs, ...told }),
    queue: { ...queue, deliveries, oldestWaitingSeconds: deliveries },
  }
}

describe('nothing is wrong', () => {
  const cases: [facts: Facts, text: string][] = [
    [sound, 'Nothing comes, and nothing is wrong: the last delivery came 3 min 20 s ago.'],
    [
      but({ processes: processes([worker, { ...ingest, lastReceivedAtMs: null }]) }),
      'Nothing comes, and nothing is wrong: no delivery has come in the time that was looked at.',
    ],
    [but(outcomes({}, { stored: 1_204 })), 'Records flow: 1,204 stored in the last 5 minutes, none waiting.'],
    [
      but({ ...outcomes({}, { stored: 4, duplicate: 2, rejected: 1 }), queue: { ...queue, deliveries: 9 } }),
      'Records flow: 4 stored and 3 recorded otherwise in the last 5 minutes, 9 waiting.',
    ],
    [
      but({ queue: { ...queue, deliveries: 1, oldestWaitingSeconds: 3 } }),
      '1 delivery waits to be stored, the oldest for 3.0 s.',
    ],
    [but(posts(1_000, { unauthorized: 9 })), expect.stringMatching(/^Nothing comes/)],
    [but(posts(1_000, { unauthorized: 49 })), expect.stringMatching(/^Nothing comes/)],
    [but(outcomes({ stored: 1, rejected: 9 })), expect.stringMatching(/^Nothing comes/)],
    [but(outcomes({ stored: 1_000, rejected: 50 })), expect.stringMatching(/^Nothing comes/)],
    [but(spool(60)), expect.stringMatching(/^Nothing comes/)],
    [
      // A worker of a later release, whose report cannot be read.
      but({
        processes: { ...processes([ingest]), unreadable: 1 },
        queue: { ...queue, deliveries: 1, oldestWaitingSeconds: 1 },
      }),
      '1 delivery waits to be stored, the oldest for 1.0 s.',
    ],
    [but(withoutWorker(20)), expect.stringMatching(/^Nothing comes/)],
    [but({ queue: { ...queue, oldestWaitingSeconds: 60 } }), expect.stringMatching(/^Nothing comes/)],
  ]
  test.each(cases)('%#', (facts, text) => {
    expect(judge(facts, nowMs).verdict).toEqual({ level: 'ok', text, exit: 0 })
  })
})

describe('something could be better, and the exit is 0', () => {
  const cases: [code: string, facts: Facts, text: string][] = [
    [
      'queue_paused',
      but({ queue: { ...queue, isPaused: true } }),
      'Nothing comes: the last delivery came 3 min 20 s ago. But the queue is paused: workers take nothing from it.',
    ],
    [
      'no_ingest',
      but({ processes: processes([worker]) }),
      'Nothing comes: no delivery has come in the time that was looked at. But no ingest runs: nobody takes POSTs.',
    ],
    [
      'worker_cannot_write',
      but({ processes: processes([ingest, worker, { ...worker, id: 'v', isDatabaseThere: false }]) }),
      'Nothing comes: the last delivery came 3 min 20 s ago. But 1 of 2 workers cannot write to Postgres.',
    ],
    [
      'redis_nearly_full',
      but({
        ...outcomes({}, { stored: 1 }),
        redis: { ...redis, usedBytes: 90, maxBytes: 100, isNearlyFull: true },
      }),
      'Records flow: 1 stored in the last 5 minutes, none waiting. But Redis has used 90 % of its memory.',
    ],
  ]
  test.each(cases)('%s', (code, facts, text) => {
    const { verdict, findings } = judge(facts, nowMs)
    expect(verdict).toEqual({ level: 'warning', text, exit: 0 })
    expect(findings.map((finding) => finding.code)).toEqual([code])
  })
})

describe('something needs the operator, and the exit is 1', () => {
  const cases: [code: string, facts: Facts, text: string][] = [
    [
      'redis_away',
      { ...inDatabase, redisProblem: 'away' },
      'Redis is away; deliveries are safe in the spool at "host:/spool", while it has room.',
    ],
    [
      'redis_away',
      { ...inDatabase, redisProblem: 'away', ingests: [{ ...known, hasSpool: false }] },
      'Redis is away; no ingest is known to have a spool, so POSTs are refused.',
    ],
    [
      'postgres_away',
      { ...inRedis, databaseProblem: 'away', queue: { ...queue, deliveries: 500, oldestWaitingSeconds: 9 } },
      'Postgres is away; 500 deliveries are safe in Redis.',
    ],
    [
      'postgres_unusable',
      { ...inRedis, databaseProblem: 'unusable' },
      'Postgres answers, and cannot be used as it is.',
    ],
    [
      'postgres_unusable',
      { redisProblem: 'away', databaseProblem: 'unusable' },
      'Redis is away; ingests with a spool keep deliveries there.',
    ],
    [
      'redis_unusable',
      { ...inDatabase, redisProblem: 'unusable' },
      'Redis answers, and cannot be used as it is.',
    ],
    [
      'redis_unusable',
      { redisProblem: 'unusable', databaseProblem: 'unusable' },
      'Redis answers, and cannot be used as it is.',
    ],
    [
      'prefix_unknown',
      but({ prefix: '{vvs}', isPrefixKnown: false, processes: processes([], {}) }),
      'There is no queue and no process under the prefix "{vvs}".',
    ],
    [
      'redis_full',
      but({
        ...withoutWorker(21),
        redis: { ...redis, usedBytes: 2_048, maxBytes: 2_048, isNearlyFull: true },
      }),
      'Redis is full, at 2.0 KiB: it takes nothing, and workers cannot drain it.',
    ],
    ['no_worker', but(withoutWorker(21)), 'No worker has run for 21 s, and nothing waits.'],
    ['no_worker', but(withoutWorker(5, 3)), 'No worker has run for 5.0 s, and 3 deliveries wait.'],
    ['no_worker', but(withoutWorker(undefined)), 'No worker has run for an hour or more, and nothing waits.'],
    [
      'posts_unavailable',
      but(posts(1_000_000, { unavailable: 1 })),
      '1 POST of the last hour could not be kept, and may be lost, because 8x8 hardly sends again.',
    ],
    [
      'posts_refused',
      but(posts(0, { unauthorized: 10 })),
      '10 of 10 POSTs of the last hour were refused as unauthorized: the secret at 8x8 is none of WEBHOOK_SECRETS, or a stranger posts.',
    ],
    [
      'posts_refused',
      but(posts(1_000, { request_timeout: 60, not_found: 2 })),
      '60 of 1,062 POSTs of the last hour were refused as request_timeout.',
    ],
    [
      'posts_refused',
      but(posts(0, { constructor: 60 })),
      '60 of 60 POSTs of the last hour were refused as constructor.',
    ],
    [
      'batches_failed',
      but({ queue: { ...queue, jobs: { ...queue.jobs, failed: 2 } } }),
      '2 batches could not be read back.',
    ],
    [
      'queue_late',
      but({ queue: { ...queue, oldestWaitingSeconds: 61 } }),
      'A delivery has waited for 1 min 1 s.',
    ],
    [
      'spool_not_empty',
      but(spool(75)),
      'The spool at "host" has held deliveries for 1 min 15 s: 500 deliveries now.',
    ],
    [
      'rejects_rise',
      but({
        ...outcomes({ stored: 190, rejected: 10 }),
        rejectReasons: {
          sinceThen: noReasons,
          lastHour: { deliveries: 10, counts: [{ code: 'missing_field', deliveries: 10 }] },
        },
      }),
      '10 of 200 deliveries of the last hour were rejected, mostly as missing_field.',
    ],
  ]
  test.each(cases)('%s', (code, facts, text) => {
    const { verdict, findings } = judge(facts, nowMs)
    expect(findings.map((finding) => finding.code)).toContain(code)
    expect(verdict).toEqual({ level: 'error', text: `${text} To do: ${findings[0]!.remedy}.`, exit: 1 })
  })
})

test('where neither server answers nothing can be told, and the exit is 2', () => {
  const { verdict } = judge({ redisProblem: 'away', databaseProblem: 'away' })
  expect(verdict).toMatchObject({ level: 'error', exit: 2 })
  expect(verdict.text).toMatch(/^Neither Redis nor Postgres answers/)
})

test('the verdict is the gravest finding', () => {
  const late = but({ queue: { ...queue, oldestWaitingSeconds: 90, isPaused: true } })
  expect(judge(late, nowMs).findings.map(({ level }) => level)).toEqual(['error', 'warning'])
  expect(judge(late, nowMs).verdict.text).toMatch(/^A delivery has waited/)
})

test('the counts of all ingests are judged together', () => {
  const second = { ...ingest, id: 'j', lastHour: { accepted: 0, refused: { unauthorized: 6 } } }
  const first = { ...ingest, lastHour: { accepted: 10, refused: { unauthorized: 6 } } }
  const { verdict } = judge(but({ processes: processes([first, second, worker]) }), nowMs)
  expect(verdict.text).toMatch(/^12 of 22 POSTs of the last hour were refused as unauthorized/)
})
