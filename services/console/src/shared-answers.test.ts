import { expect, test } from 'vitest'
import { createSharedAnswers } from './shared-answers.ts'

test('all who ask the same share an answer until it is old, and a failure is asked again', async () => {
  let nowMs = 0
  let reads = 0
  const ask = createSharedAnswers<number>({ nowMs: () => nowMs })
  const read = async () => ++reads
  expect(await Promise.all([ask('a', 100, read), ask('a', 100, read), ask('b', 100, read)])).toEqual([
    1, 1, 2,
  ])
  nowMs = 99
  expect(await ask('a', 100, read)).toBe(1)
  nowMs = 100
  expect(await ask('a', 100, read)).toBe(3)

  await expect(ask('c', 100, () => Promise.reject(new Error('away')))).rejects.toThrow('away')
  expect(await ask('c', 100, read)).toBe(4)
})

test('it remembers a bounded number of answers', async () => {
  let reads = 0
  const ask = createSharedAnswers<number>({ nowMs: () => 0 })
  const read = async () => ++reads
  for (let key = 0; key <= 50; key++) await ask(String(key), 100, read)
  expect(await ask('50', 100, read)).toBe(51)
  expect(await ask('0', 100, read)).toBe(52)
})
