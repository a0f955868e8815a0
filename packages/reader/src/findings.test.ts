import { describe, expect, test } from 'vitest'
import { type Facts, findAll } from './findings.ts'

const quiet: NonNullable<Facts['queue']> = {
  jobs: { waiting: 0, active: 0, delayed: 0, failed: 0 },
  deliveries: 0,
  oldestWaitingSeconds: 0,
}

test('a pipeline that works gives no finding', () => {
  const busy = { ...quiet, jobs: { ...quiet.jobs, waiting: 30, active: 64 }, oldestWaitingSeconds: 2 }
  expect(findAll({ queue: busy, durabilityProblems: [] })).toEqual([])
})

test('facts that could not be read give no finding', () => {
  expect(findAll({})).toEqual([])
})

describe('the facts give a finding', () => {
  const cases: [code: string, level: string, facts: Facts, text: string][] = [
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
      'warning',
      { queue: { ...quiet, oldestWaitingSeconds: 90.4 } },
      'a delivery has waited for 90 s',
    ],
    [
      'redis_not_durable',
      'warning',
      { durabilityProblems: ['appendonly is off: set appendonly yes'] },
      'appendonly is off: set appendonly yes',
    ],
  ]
  test.each(cases)('%s', (code, level, facts, text) => {
    expect(findAll(facts)).toEqual([{ code, level, text, remedy: expect.stringMatching(/\w/) }])
  })
})

test('errors come first', () => {
  const queue = { ...quiet, jobs: { ...quiet.jobs, delayed: 1, failed: 2 } }
  const levels = findAll({ queue, durabilityProblems: ['a', 'b'] }).map(({ level }) => level)
  expect(levels).toEqual(['error', 'warning', 'warning', 'warning'])
})
