import type { ReprocessCount, ReprocessProgress } from '@vss-pipeline/pipeline'
import { expect, test } from 'vitest'
import type { Target } from './target.ts'
import { resultSentence } from './words.ts'

const rejected: Target = {
  kind: 'rejected',
  reason: null,
  span: 'day',
  since: '2026-03-01T00:00:00.000Z',
  until: '2026-03-02T00:00:00.000Z',
}
const ofSession: Target = { kind: 'session', sessionId: '1f048a84-ea6d-11ee-911b-078f7290bf52' }

type Part = [
  deliveries: number,
  from: ReprocessCount['from'],
  to: ReprocessCount['to'],
  ReprocessCount['effect'],
]

function progress(...parts: Part[]): ReprocessProgress {
  return {
    judged: parts.reduce((sum, [deliveries]) => sum + deliveries, 0),
    counts: parts.map(([deliveries, from, to, effect]) => ({ deliveries, from, to, effect, samples: [] })),
    doneUntil: null,
  }
}

test('a count and a receipt are one sentence each, the changes first', () => {
  const result = progress(
    [1_180, 'rejected', 'stored', 'judged'],
    [3_000, 'rejected', 'rejected', 'none'],
    [20, 'rejected', 'superseded', 'judged'],
    [1, 'rejected', 'duplicate', 'judged'],
  )
  expect(resultSentence(rejected, result, 'would')).toBe(
    'Of 4,201 rejected deliveries 1,180 would be stored, 20 superseded, 1 a duplicate, 3,000 would stay rejected.',
  )
  expect(resultSentence(rejected, result, 'did')).toBe(
    'Of 4,201 rejected deliveries 1,180 were stored, 20 superseded, 1 was a duplicate, 3,000 stayed rejected.',
  )
})

test.each<[Part[], string]>([
  [[], 'There is no such delivery.'],
  [[[1, 'stored', 'stored', 'session_rewritten']], 'It would change the values of a session.'],
  [[[1, 'stored', 'stored', 'none']], 'It would stay as it is.'],
  [
    [
      [1, 'stored', 'stored', 'would_reject'],
      [2, 'duplicate', 'duplicate', 'none'],
    ],
    "Of 3 deliveries 1 would stay as it is, though today's code rejects it, 2 as they are.",
  ],
  [
    [
      [2, 'rejected', 'rejected', 'judged'],
      [2, 'rejected', 'rejected', 'no_body'],
      [1, 'stored', 'stored', 'other_session'],
    ],
    "Of 5 deliveries 2 would stay rejected for another reason, 2 as they are, because there is no body, 1 as it is, because today's code reads another session.",
  ],
])('%j is said in words', (parts, words) => {
  expect(resultSentence(ofSession, progress(...parts), 'would')).toBe(words)
})
