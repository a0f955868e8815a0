import { expect, test } from 'vitest'
import { displayBytes, displayCount, displayCountOf, displaySpan } from './display.ts'

test('counts have separators, and nouns that agree with them', () => {
  expect(displayCount(1234567)).toBe('1,234,567')
  expect(displayCountOf(1, 'batch', 'batches')).toBe('1 batch')
  expect(displayCountOf(0, 'batch', 'batches')).toBe('0 batches')
})

test.each([
  [0, '0.0 s'],
  [9.96, '10.0 s'],
  [42.9, '42 s'],
  [200, '3 min 20 s'],
  [18_720, '5 h 12 min'],
  [273_600, '3 d 4 h'],
])('%d s are shown as people say it', (seconds, text) => {
  expect(displaySpan(seconds)).toBe(text)
})

test.each([
  [0, '0 B'],
  [1_023, '1023 B'],
  [1_536, '1.5 KiB'],
  [314_572_800, '300 MiB'],
  [2 ** 50, '1024 TiB'],
])('%d bytes are shown in a unit that fits', (bytes, text) => {
  expect(displayBytes(bytes)).toBe(text)
})
