import { expect, test } from 'vitest'
import { integerArray, isUuid, realArray, timestampArray, UnstorableValue, uuidArray } from './arrays.ts'

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

test.each([
  ['1f048a84-ea6d-11ee-911b-078f7290bf52', true],
  ['1F048A84-EA6D-11EE-911B-078F7290BF52', true],
  ['1f048a84ea6d11ee911b078f7290bf52', false],
  ['1f048a84-ea6d-11ee-911b-078f7290bf52\n', false],
  ['', false],
])('isUuid(%j) is %s', (text, expected) => {
  expect(isUuid(text)).toBe(expected)
})
