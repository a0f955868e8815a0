import { expect, test } from 'vitest'
import { writeCsv } from './csv.ts'

test('a text that a spreadsheet would run is one that it shows, and a number stays a number', () => {
  const rows = [
    '=1+1',
    '+12025550123',
    '+1+1',
    '-7',
    '-cmd',
    '@SUM(A1)',
    '\ttab',
    'a,"b"\nc',
    null,
    12.5,
    'é',
  ]
  expect(writeCsv(rows, [['value', (row) => row]])).toBe(
    [
      'value',
      "'=1+1",
      '+12025550123',
      "'+1+1",
      '-7',
      "'-cmd",
      "'@SUM(A1)",
      "'\ttab",
      '"a,""b""\nc"',
      '',
      '12.5',
      'é',
      '',
    ].join('\r\n'),
  )
})
