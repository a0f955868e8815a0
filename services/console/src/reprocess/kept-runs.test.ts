import { StorageFault } from '@vss-pipeline/storage'
import { expect, test } from 'vitest'
import { readRuns } from './kept-runs.ts'
import { explainProblem } from './problem.ts'
import { confirmed, ended, nothingJudged, progressed, type Run } from './run.ts'

const id = '8e0c7f1c-6b1a-4f5e-9c3f-0f6d2f2f3a11'
const progress = {
  judged: 500,
  counts: [{ from: 'rejected', to: 'stored', effect: 'judged', deliveries: 500, samples: [id] }],
  doneUntil: '2026-03-01T10:00:00.000Z',
} as const
const at = '2026-03-01T10:02:00.000Z'

const run: Run = {
  id,
  target: {
    kind: 'rejected',
    reason: { code: 'invalid_field', path: 'payload.startTime' },
    span: 'day',
    since: at,
    until: at,
  },
  by: { address: '127.0.0.1', visit: 'abcdefgh' },
  state: progressed(confirmed({ name: 'counted', would: progress }, at), progress),
}

test('receipts come back as they were, but one that was under way has ended with its console', () => {
  const done: Run = { ...run, state: ended(run.state, { kind: 'done' }, at) }
  const failed: Run = {
    ...run,
    target: { kind: 'session', sessionId: id },
    state: ended(run.state, { kind: 'failed', problem: { text: 'a', remedy: 'b' } }, at),
  }
  expect(readRuns(JSON.stringify([run, done, failed]))).toEqual([
    { ...run, state: ended(run.state, { kind: 'console_ended' }, null) },
    done,
    failed,
  ])
})

test('a run that failed with a long error is a receipt like others', () => {
  const problem = explainProblem(new StorageFault('database_unavailable', 'x'.repeat(5_000)))!
  const failed: Run = { ...run, state: ended(run.state, { kind: 'failed', problem }, at) }
  expect(readRuns(JSON.stringify([failed]))).toEqual([failed])
})

test.each([
  ['no JSON', '[{'],
  ['no list', '{}'],
  ['a run of another release', JSON.stringify([{ ...run, state: { name: 'paused' } }])],
  ['an address of markup', JSON.stringify([{ ...run, id: '"><script>' }])],
  ['a count that is no number', JSON.stringify([run]).replaceAll('"deliveries":500', '"deliveries":"500"')],
  ['a text without an end', JSON.stringify([{ ...run, by: { address: 'x'.repeat(5_000), visit: '' } }])],
])('%s is no receipt', (_, text) => {
  expect(readRuns(text)).toEqual([])
})

test('a run that nobody has counted cannot be confirmed, and one that has ended does not go on', () => {
  const counting = { name: 'counting', would: nothingJudged } as const
  expect(confirmed(counting, at)).toBe(counting)
  const over = ended(run.state, { kind: 'stopped' }, at)
  expect(progressed(over, progress)).toBe(over)
  expect(ended(over, { kind: 'done' }, at)).toBe(over)
  expect(ended(counting, { kind: 'stopped' }, at)).toEqual({ name: 'not_counted', how: { kind: 'stopped' } })
})
