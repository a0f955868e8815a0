import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { findLine, findLineAt, linesOfJson } from './json-lines.ts'

function show(body: string): string[] {
  return linesOfJson(body, 1_000).map(({ depth, text }) => '  '.repeat(depth) + text)
}

test('a body is shown a member a line, with its tokens as they were sent', () => {
  expect(show('{"a":1e400,"a":[true , {}],"b" : {"c":"\\u0041,{"}}')).toEqual([
    '{',
    '  "a": 1e400,',
    '  "a": [',
    '    true,',
    '    {}',
    '  ],',
    '  "b": {',
    '    "c": "\\u0041,{"',
    '  }',
    '}',
  ])
})

test.each([
  ['', []],
  ['{"payload": {"sessionId": "cut sho', ['{', '  "payload": {', '    "sessionId": "cutsho']],
  ['{}}', ['{}}']],
  ['[1 2]', ['[', '  12', ']']],
  ['no json', ['nojson']],
])('%j is shown as far as it goes', (body, lines) => {
  expect(show(body)).toEqual(lines)
})

test('nothing of any text is lost but the space between tokens', () => {
  const pieces = fc.constantFrom('{', '}', '[', ']', ',', ':', '"', '"a"', '1', ' ', '\\', 'é', '\n')
  fc.assert(
    fc.property(fc.array(pieces, { maxLength: 40 }), (parts) => {
      const shown = linesOfJson(parts.join(''), 1_000)
        .map(({ text }) => text)
        .join('')
      const bare = (text: string) => text.replaceAll(/[ \n]/g, '')
      expect(bare(shown)).toBe(bare(parts.join('')))
    }),
  )
})

test('a body of any depth is shown, up to the most lines', () => {
  expect(linesOfJson('['.repeat(100_000), 50)).toHaveLength(50)
})

describe('the place of a reason', () => {
  const body = '{"payload":{"sessionId":"x","details":{"callA":{"source":"1"}}}}'
  const lines = linesOfJson(body, 1_000)

  test.each([
    ['payload.sessionId', '"sessionId": "x",'],
    ['payload.details.callA.source', '"source": "1"'],
    ['payload.subAccountId', '"payload": {'],
    ['', '{'],
  ])('%j is at %j', (path, text) => {
    expect(findLine(lines, path)?.text).toBe(text)
  })

  test('a place in the body is on a line', () => {
    const broken = '{"a": 1,\n"b": tru,\n"c": 3}'
    expect(findLineAt(linesOfJson(broken, 1_000), 14)?.text).toBe('"b": tru,')
  })
})
