import { styleText } from 'node:util'
import { describe, expect, it } from 'vitest'
import { alignColumns, displayCount, displayJson, displayValue } from './text.ts'

describe('alignColumns', () => {
  it('makes columns as wide as their widest cell, and leaves no spaces at the ends', () => {
    const rows = [
      ['a', 'b', 'c'],
      ['long', 'x', ''],
    ]
    expect(alignColumns(rows)).toBe('a     b  c\nlong  x')
  })

  it('aligns numbers to the right', () => {
    const rows = [
      ['stored', '1,000'],
      ['rejected', '7'],
    ]
    expect(alignColumns(rows, { rightAligned: [1] })).toBe('stored    1,000\nrejected      7')
  })

  it('gives colours no width', () => {
    const red = styleText('red', '7', { validateStream: false })
    expect(alignColumns([['10'], [red]], { rightAligned: [0] })).toBe(`10\n ${red}`)
  })
})

describe('displayValue', () => {
  it.each([
    [null, '-'],
    [[], '-'],
    [['a', 'b'], 'a, b'],
    [0, '0'],
    [false, 'false'],
    ['Zoë 通话', 'Zoë 通话'],
  ])('shows %j as %s', (value, text) => {
    expect(displayValue(value)).toBe(text)
  })

  it.each([
    ['\u001b[31mred', '\\u001b[31mred'],
    ['two\r\nlines', 'two\\u000d\\u000alines'],
    ['\u202egnp', '\\u202egnp'],
    ['\u009b2J', '\\u009b2J'],
  ])('shows what steers a terminal as an escape: %j', (value, text) => {
    expect(displayValue(value)).toBe(text)
  })
})

describe('displayJson', () => {
  it('escapes what steers a terminal, and stays the same JSON', () => {
    const value = {
      'key\u009b': 'two\nlines \u0007 \u007f \u009b2J \u202egnp \u2066 \u200f \u2028 \ufeff \u{e0001} \ud834',
      plain: ['Zoë 通话', 1, null],
    }
    const json = displayJson(value)
    expect(JSON.parse(json)).toEqual(value)
    expect(json.replaceAll('\n', '')).not.toMatch(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u)
    expect(json).toContain('\\u202egnp')
    expect(json).toContain('"Zoë 通话"')
  })

  it('is as people read it', () => {
    expect(displayJson({ a: [1] })).toBe('{\n  "a": [\n    1\n  ]\n}')
  })
})

it('groups the digits of counts', () => {
  expect(displayCount(1234567)).toBe('1,234,567')
})
