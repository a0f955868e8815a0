import { expect, test } from 'vitest'
import { integerArray, realArray, timestampArray, UnstorableValue, uuidArray } from './arrays.ts'

test.each([
  ['22P02', () => uuidArray(['1f048a84-ea6d-11ee-911b'])],
  ['22P02', () => uuidArray(['{1f048a84-ea6d-11ee-911b-078f7290bf52}'])],
  ['22003', () => integerArray([2 ** 31])],
  ['22003', () => integerArray([0.5])],
  ['22003', () => integerArray([Number.NaN])],
  ['22003', () => realArray([3.5e38])],
  ['22007', () => timestampArray(['13 o’clock'])],
  ['22007', () => timestampArray([Number.NaN])],
])('what no column can hold is refused as Postgres would: %s', (sqlState, encode) => {
  expect(encode).toThrow(UnstorableValue)
  expect(encode).toThrow(expect.objectContaining({ sqlState }))
})

test('the message of a refusal does not quote the value', () => {
  expect(() => uuidArray(['+6591178965'])).toThrow(
    expect.objectContaining({ message: expect.not.stringContaining('6591178965') }),
  )
})
