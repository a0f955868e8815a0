import fc from 'fast-check'
import { expect, test } from 'vitest'
import { findJsonBreak } from './json-break.ts'

test.each([
  ['{"a": 1,\n"b": tru,\n"c": 3}', 14],
  ['{"payload": {"sessionId": "cut sho', 26],
  ['{"a":1', 6],
  ['', 0],
  ['{"a":1,}', 7],
  ['[1 2]', 3],
  ['[1}', 2],
  ['{} {}', 3],
  ["{'a': 1}", 1],
  ['{"a":01}', 5],
  ['{"a" 1}', 5],
  ['\ufeff{}', 0],
])('%j breaks at %i', (body, offset) => {
  expect(findJsonBreak(body)).toBe(offset)
})

test('a text breaks somewhere when JSON.parse refuses it, and nowhere else', () => {
  const pieces = fc.constantFrom(
    '{',
    '}',
    '[',
    ']',
    ',',
    ':',
    '"a"',
    '"\\u00',
    '"',
    '-1.5e3',
    '01',
    'true',
    ' ',
    '\u00a0',
    '\n',
  )
  const texts = fc.oneof(
    fc.json(),
    fc.array(pieces, { maxLength: 12 }).map((parts) => parts.join('')),
  )
  fc.assert(
    fc.property(texts, (text) => {
      expect(findJsonBreak(text) === null).toBe(isJson(text))
    }),
    { numRuns: 2_000 },
  )
})

function isJson(text: string): boolean {
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}
