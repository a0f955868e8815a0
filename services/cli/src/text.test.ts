import { styleText } from 'node:util'
import { describe, expect, it } from 'vitest'
import { alignColumns, displayCount, displayValue } from './text.ts'

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

it('groups the digits of counts', () => {
  expect(displayCount(1234567)).toBe('1,234,567')
})
