import fc from 'fast-check'
import { expect, test } from 'vitest'
import { integerArray, realArray, timestampArray, uuidArray } from './arrays.ts'
import { UnstorableValue } from './binary.ts'

test.each([
  ['22P02', () => uuidArray(['1f048a84-ea6d-11ee-911b'])],
  ['22P02', () => uuidArray(['{1f048a84-ea6d-11ee-911b-078f7290bf52}'])],
  ['22003', () => integerArray([2 ** 31])],
  ['22003', () => integerArray([0.5])],
  ['22003', () => integerArray([Number.NaN])],
  ['22003', () => realArray([3.5e38])],
  ['22007', () => timestampArray([Number.NaN])],
])('a value that no column can hold is refused with the SQLSTATE of Postgres: %s', (sqlState, encode) => {
  expect(encode).toThrow(UnstorableValue)
  expect(encode).toThrow(expect.objectContaining({ sqlState }))
})

test('the message of a refusal does not quote the value', () => {
  expect(() => uuidArray(['+6591178965'])).toThrow(
    expect.objectContaining({ message: expect.not.stringContaining('6591178965') }),
  )
})

test('a time is microseconds since 2000, from the first to the last that an event can have', () => {
  const times = fc.integer({ min: Date.UTC(1970, 0, 1), max: Date.UTC(9999, 11, 31, 23, 59, 59, 999) })
  fc.assert(
    fc.property(times, (epochMs) => {
      const expected = BigInt(epochMs - Date.UTC(2000, 0, 1)) * 1000n
      const firstElement = 24
      expect(timestampArray([epochMs]).readBigInt64BE(firstElement)).toBe(expected)
    }),
  )
})

test.each([
  [['00112233-4455-6677-8899-aabbccddeeff'], '00112233445566778899aabbccddeeff'],
  [['FFEEDDCC-BBAA-9988-7766-554433221100'], 'ffeeddccbbaa99887766554433221100'],
])('a UUID becomes its 16 bytes, in upper and in lower case', ([text], hex) => {
  expect(uuidArray([text!]).subarray(24).toString('hex')).toBe(hex)
})

test.each([
  '0011223-34455-6677-8899-aabbccddeeff',
  '00112233-4455-6677-8899-aabbccddeef',
  '00112233-4455-6677-8899-aabbccddeefff',
  '0011223g-4455-6677-8899-aabbccddeeff',
  '001122é3-4455-6677-8899-aabbccddeeff',
  '00112233-4455-6677-8899-aabbccdd\u{1f600}ff',
])('a text that is no UUID is refused: %s', (text) => {
  expect(() => uuidArray([text])).toThrow(UnstorableValue)
})
