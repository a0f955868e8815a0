import fc from 'fast-check'
import { expect, test } from 'vitest'
import { clearNumbers, maskedNumbers } from './numbers.ts'

test.each([
  ['+12025550123', '+12•••••••23'],
  ['12025550123', '12•••••••23'],
  ['12345', '•••••'],
  ['sip:alice@example.com', '••••••••'],
  ['alice', '•••••'],
  ['anonymous', 'anonymous'],
  ['Restricted', 'Restricted'],
  [null, '–'],
])('%j is masked as %j', (number, masked) => {
  expect(maskedNumbers.show(number)).toBe(masked)
})

test.each([
  ['"source": "+12025550123"', '"source": "+12•••••••23"'],
  ['"source": 12025550123', '"source": 12•••••••23'],
  ['call +1 (202) 555-0123 now', 'call +1 (2••) •••-••23 now'],
  ['"\\u0036\\u0035\\u0036\\u0030\\u0030\\u0030\\u0030\\u0031"', '"\\u0036\\u0035••••\\u0030\\u0031"'],
  ['"sip:+6560000001@example.com"', '"••••••••"'],
  ['"alice@example.com"', '"••••••••"'],
  ['"2026-03-01T10:02:00.123Z"', '"2026-03-01T10:02:00.123Z"'],
  ['"1f048a84-ea6d-11ee-911b-078f7290bf52"', '"1f048a84-ea6d-11ee-911b-078f7290bf52"'],
  ['"callDuration": 123456', '"callDuration": 123456'],
])('in a body %j becomes %j', (text, masked) => {
  expect(maskedNumbers.showText(text)).toBe(masked)
})

test('no number of any text leaves its middle digits', () => {
  const around = fc.constantFrom('', ' ', '"', ':', '+', 'x', '\\n', '(', '/')
  const number = fc.stringMatching(/^[1-9]\d{9,14}$/)
  fc.assert(
    fc.property(around, number, around, (before, digits, after) => {
      expect(maskedNumbers.showText(before + digits + after)).not.toContain(digits.slice(2, -2))
    }),
  )
})

test('a number that is shown has no character that reorders letters', () => {
  expect(clearNumbers.show('+12025550123')).toBe('+12025550123')
  expect(clearNumbers.show('a\u202eb\u0000')).toBe('a\\u202eb\\u0000')
})

test.each([['x'], ['abcdef01-'], ['1 '], ['sip:'], ['a@']])('a long text of %j costs little', (part) => {
  const text = part.repeat(65_536 / part.length)
  const before = process.cpuUsage().user
  maskedNumbers.showText(text)
  expect(process.cpuUsage().user - before).toBeLessThan(300_000)
})
