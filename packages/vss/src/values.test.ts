import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { FoundAnomalies, Place } from './places.ts'
import {
  isNothing,
  knownWord,
  optional,
  toCount,
  toCountry,
  toInteger,
  toMessage,
  toPhoneNumber,
  toReal,
  toReference,
  toTimestamp,
  toUuid,
  toWord,
} from './values.ts'

describe('an absent value', () => {
  test.each([[undefined], [null], ['null'], [' null ']])('may be sent as %j', (value) => {
    expect(isNothing(value)).toBe(true)
  })

  test.each([[''], ['NULL'], ['undefined'], [0], [false], [{}], [[]]])('is not sent as %j', (value) => {
    expect(isNothing(value)).toBe(false)
  })
})

describe('an optional value', () => {
  test('that is absent is null without an anomaly', () => {
    const found = new FoundAnomalies()
    expect(optional('null', toInteger, new Place(found, 'payload'), 'callCount')).toBeNull()
    expect(found.details).toEqual([])
  })

  test('that cannot be used is null with invalid_value', () => {
    const found = new FoundAnomalies()
    expect(optional('many', toInteger, new Place(found, 'payload'), 'callCount')).toBeNull()
    expect(found.details).toEqual([{ code: 'invalid_value', path: 'payload.callCount' }])
  })
})

describe('texts', () => {
  test.each([
    ['reference', toReference, 255],
    ['phone number', toPhoneNumber, 255],
    ['message', toMessage, 2000],
    ['word', toWord, 64],
  ])('a %s is trimmed, and may be as long as its column takes', (_what, read, limit) => {
    expect(read(`  ${'x'.repeat(limit - 4)}  `)).toBe('x'.repeat(limit - 4))
    expect(read('x'.repeat(limit))).toBe('x'.repeat(limit))
    expect(read('x'.repeat(limit + 1))).toBeNull()
  })

  test.each([[''], ['   '], ['a\0b'], ['\ud800'], ['a\udfffb'], [7], [true], [{}], [['a']]])(
    'refuse %j',
    (value) => {
      expect(toReference(value)).toBeNull()
    },
  )

  test('keep characters beyond ASCII', () => {
    expect(toMessage('Überlastet 通話 📞')).toBe('Überlastet 通話 📞')
  })
})

describe('a phone number', () => {
  const sipAddress = `sip:${'x'.repeat(60)}@pbx.example.com`

  test.each([
    ['+6591178965', '+6591178965'],
    [' 6591178965 ', '6591178965'],
    [6591178965, '6591178965'],
    [123456789012345, '123456789012345'],
    [9_007_199_254_740_991, '9007199254740991'],
    [0, '0'],
    [-0, '0'],
    ['anonymous', 'anonymous'],
    [sipAddress, sipAddress],
  ])('in %j is %j', (value, expected) => {
    expect(toPhoneNumber(value)).toBe(expected)
  })

  test.each([
    [-6591178965],
    [6591178965.5],
    [2 ** 53],
    [1e21],
    [Number.POSITIVE_INFINITY],
    [true],
    [['+65']],
  ])('is not read from %j', (value) => {
    expect(toPhoneNumber(value)).toBeNull()
  })
})

describe('integers', () => {
  test.each([
    [13, 13],
    ['13', 13],
    [' 13 ', 13],
    [13.0, 13],
    ['1.3e1', 13],
    [-2005, -2005],
    ['-2005', -2005],
    [2_147_483_647, 2_147_483_647],
    [-2_147_483_648, -2_147_483_648],
  ])('%j is %d', (value, expected) => {
    expect(toInteger(value)).toBe(expected)
  })

  test.each([[-0], ['-0'], ['-0.0']])('%j is 0 without a sign', (value) => {
    expect(Object.is(toInteger(value), 0)).toBe(true)
  })

  test.each([
    [1.5],
    ['1.5'],
    [2_147_483_648],
    [-2_147_483_649],
    [2 ** 53],
    [Number.POSITIVE_INFINITY],
    ['1e400'],
    ['0x10'],
    ['013'],
    ['+13'],
    ['13s'],
    ['Infinity'],
    ['NaN'],
    [''],
    [true],
    [null],
    [[13]],
    [{}],
  ])('%j is not read as an integer', (value) => {
    expect(toInteger(value)).toBeNull()
  })

  test('a count is not negative', () => {
    expect([toCount(0), toCount('2'), toCount(-1)]).toEqual([0, 2, null])
  })
})

describe('reals', () => {
  test.each([
    [4.5, 4.5],
    ['0.01', 0.01],
    [0, 0],
    [-3, -3],
    [3.4028234e38, 3.4028234e38],
    [1.5e-45, 1.5e-45],
  ])('%j is %d', (value, expected) => {
    expect(toReal(value)).toBe(expected)
  })

  test.each([
    ['overflows', 3.5e38],
    ['overflows below zero', -3.5e38],
    ['vanishes', 1e-46],
    ['vanishes as a text', '-1e-300'],
    ['is infinite', Number.POSITIVE_INFINITY],
    ['is not a number', Number.NaN],
    ['is a word', 'good'],
  ])('a value that %s is not read', (_what, value) => {
    expect(toReal(value)).toBeNull()
  })

  test('every real that is read survives single precision', () => {
    fc.assert(
      fc.property(fc.double(), (value) => {
        const read = toReal(value)
        if (read === null) return
        expect(Number.isFinite(Math.fround(read))).toBe(true)
        expect(Math.fround(read) === 0).toBe(read === 0)
      }),
    )
  })
})

describe('other values', () => {
  test.each([
    [' 1F048A84-EA6D-11EE-911B-078F7290BF52 ', '1f048a84-ea6d-11ee-911b-078f7290bf52'],
    ['1f048a84', null],
    [42, null],
  ])('the UUID in %j is %j', (value, expected) => {
    expect(toUuid(value)).toBe(expected)
  })

  test.each([
    ['sg', 'SG'],
    [' Us ', 'US'],
    ['SGP', null],
    ['6', null],
    ['ſg', null],
    [65, null],
  ])('the country in %j is %j', (value, expected) => {
    expect(toCountry(value)).toBe(expected)
  })

  test.each([
    [' 2024-03-25T06:01:30Z ', Date.UTC(2024, 2, 25, 6, 1, 30)],
    ['yesterday', null],
    [1711346490, null],
  ])('the timestamp in %j is %j', (value, expected) => {
    expect(toTimestamp(value)).toBe(expected)
  })
})

describe('a known word', () => {
  const statuses = new Set(['NO_ANSWER', 'BUSY'])

  test.each([
    ['NO_ANSWER', 'NO_ANSWER', []],
    ['NO ANSWER', 'NO_ANSWER', []],
    [' no - answer ', 'NO_ANSWER', []],
    ['Busy', 'BUSY', []],
    [' Rejected now ', 'Rejected now', ['unknown_status']],
    ['null', null, []],
    [undefined, null, []],
    [5, null, ['invalid_value']],
    ['x'.repeat(65), null, ['invalid_value']],
  ])('%j is %j with %j', (value, expected, flags) => {
    const found = new FoundAnomalies()
    const place = new Place(found, 'payload')
    expect(knownWord(value, statuses, 'unknown_status', place, 'sessionStatus')).toBe(expected)
    expect([...found.codes]).toEqual(flags)
  })
})
