import { styleText } from 'node:util'
import { describe, expect, it } from 'vitest'
import { alignColumns, displayJson, displayValue, renderFields, renderParagraph, shorten } from './text.ts'

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

describe('renderFields', () => {
  it('puts the values in one column', () => {
    const fields = [
      ['leg', 'A'],
      ['call_id', '1f048a83'],
    ] as const
    expect(renderFields(fields)).toBe('  leg      A\n  call_id  1f048a83')
  })

  it('breaks a long value at spaces, and keeps every word', () => {
    const words = Array.from({ length: 40 }, (_, index) => `word${index}`).join(' ')
    const lines = renderFields([['error_message', words]]).split('\n')
    expect(lines.length).toBeGreaterThan(4)
    expect(lines.filter((line) => line.length > 80)).toEqual([])
    expect(lines.slice(1)).toEqual(lines.slice(1).map(() => expect.stringMatching(/^ {17}word/)))
    expect(lines.map((line) => line.slice(17)).join(' ')).toBe(words)
  })

  it('breaks a hash into halves', () => {
    const [first, second] = ['0123456789abcdef'.repeat(2), 'fedcba9876543210'.repeat(2)]
    expect(renderFields([['client_request_id', first + second]])).toBe(
      `  client_request_id  ${first}\n${' '.repeat(21)}${second}`,
    )
  })

  it('fills a line to its last column', () => {
    expect(renderFields([['a', 'x'.repeat(75)]])).toBe(`  a  ${'x'.repeat(75)}`)
    expect(renderFields([['a', 'x'.repeat(76)]]).split('\n')).toHaveLength(2)
  })

  it.each(['訂單', '👍', 'ｆｕｌｌ'])('gives %s two columns a character, as terminals do', (wide) => {
    const value = wide.repeat(40)
    const lines = renderFields([['a', value]]).split('\n')
    expect(lines.filter((line) => [...line.trim().replace(/^a +/, '')].length > 37)).toEqual([])
    expect(lines.map((line) => line.slice(5)).join('')).toBe(value)
  })

  it('gives accents no columns of their own', () => {
    expect(renderFields([['a', 'e\u0301'.repeat(75)]])).not.toContain('\n')
  })

  it('cuts a value that takes too many lines, and says so', () => {
    const lines = renderFields([['error_message', 'x'.repeat(60_000)]]).split('\n')
    expect(lines).toHaveLength(8)
    expect(lines.at(-1)).toBe(`${' '.repeat(17)}… 60,000 characters: see --json`)
  })
})

it.each([
  ['COMPLETED', 'COMPLETED'],
  ['NO_ANSWER_12', 'NO_ANSWER_…'],
  ['12345678901', '12345678901'],
  ['訂單訂單訂單', '訂單訂單訂…'],
])('cuts %s to 11 columns', (text, cut) => {
  expect(shorten(text, 11)).toBe(cut)
})

it('breaks a paragraph before the last column', () => {
  const lines = renderParagraph('missing_field '.repeat(9), { indentColumns: 4 }).split('\n')
  expect(lines[0]).toBe(`    ${'missing_field '.repeat(5).trim()}`)
  expect(lines).toHaveLength(2)
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
  ])('shows characters that control a terminal as escapes: %j', (value, text) => {
    expect(displayValue(value)).toBe(text)
  })
})

describe('displayJson', () => {
  it('escapes characters that control a terminal, and means the same', () => {
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

  it('is indented for people', () => {
    expect(displayJson({ a: [1] })).toBe('{\n  "a": [\n    1\n  ]\n}')
  })
})

describe('shorten', () => {
  it.each([
    ['billing', 7, 'billing'],
    ['billings', 7, 'billin…'],
    ['帳單帳單', 7, '帳單帳…'],
  ])('fits %s into %d columns', (text, columns, short) => {
    expect(shorten(text, columns)).toBe(short)
  })
})
