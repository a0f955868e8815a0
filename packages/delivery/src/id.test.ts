import { describe, expect, test } from 'vitest'
import { isUuid, receivedAtMsOf } from './id.ts'

describe('receivedAtMsOf', () => {
  test('reads the millisecond of the example in RFC 9562', () => {
    expect(receivedAtMsOf('017f22e2-79b0-7cc3-98c4-dc0c0c07398f')).toBe(Date.UTC(2022, 1, 22, 19, 22, 22))
  })

  test.each([
    ['00000000-0000-7000-8000-000000000000', 0],
    ['FFFFFFFF-FFFF-7FFF-BFFF-FFFFFFFFFFFF', 2 ** 48 - 1],
  ])('reads the extremes: %s', (id, expected) => {
    expect(receivedAtMsOf(id)).toBe(expected)
  })

  test.each([
    '1f048a84-ea6d-11ee-911b-078f7290bf52',
    '017f22e2-79b0-7cc3-18c4-dc0c0c07398f',
    '017f22e279b07cc398c4dc0c0c07398f',
    '',
  ])('throws for anything but a UUIDv7: %j', (id) => {
    expect(() => receivedAtMsOf(id)).toThrow(RangeError)
  })
})

describe('isUuid', () => {
  test.each(['1f048a84-ea6d-11ee-911b-078f7290bf52', '1F048A84-EA6D-41EE-911B-078F7290BF52'])(
    'takes %s',
    (text) => {
      expect(isUuid(text)).toBe(true)
    },
  )

  test.each([
    '{1f048a84-ea6d-11ee-911b-078f7290bf52}',
    '1f048a84ea6d11ee911b078f7290bf52',
    '1f048a84-ea6d-11ee-911b-078f7290bf5g',
    '1f048a84-ea6d-11ee-911b-078f7290bf52\n',
    '',
  ])('refuses %j', (text) => {
    expect(isUuid(text)).toBe(false)
  })
})
