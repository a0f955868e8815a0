import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { callingCodeOf, isE164, numberFacts } from './numbers.ts'

describe('numberFacts', () => {
  test.each([
    ['+6568332048', { type: 'FIXED_LINE', country: 'SG', callingCode: '65' }],
    ['+6591178965', { type: 'MOBILE', country: 'SG', callingCode: '65' }],
    ['+12314377870', { type: 'FIXED_LINE_OR_MOBILE', country: 'US', callingCode: '1' }],
    ['+442079460958', { type: 'FIXED_LINE', country: 'GB', callingCode: '44' }],
    ['+441481960194', { type: 'FIXED_LINE', country: 'GG', callingCode: '44' }],
    ['+80012345678', { type: 'TOLL_FREE', country: null, callingCode: '800' }],
    ['+6512345678', { type: null, country: 'SG', callingCode: '65' }],
  ])('of %s', (number, facts) => {
    expect(numberFacts(number)).toEqual(facts)
  })

  test.each(['6568332048', '+999999999', '+', 'anonymous', 'call +6568332048 now', ''])(
    'of %j: none',
    (text) => {
      expect(numberFacts(text)).toEqual({ type: null, country: null, callingCode: null })
    },
  )

  test('never throws', () => {
    const texts = fc.oneof(fc.string({ unit: 'binary' }), fc.stringMatching(/^\+?[0-9 ()x;.,#*~-]{0,30}$/))
    fc.assert(
      fc.property(texts, (text) => {
        expect(Object.keys(numberFacts(text))).toEqual(['type', 'country', 'callingCode'])
      }),
    )
  })
})

describe('isE164', () => {
  test.each(['+1234567', '+123456789012345'])('takes %s', (number) => {
    expect(isE164(number)).toBe(true)
  })

  test.each([
    '+123456',
    '+1234567890123456',
    '+0123456789',
    '1234567890',
    '+65 6833 2048',
    '+6568332048\n',
    '',
  ])('refuses %j', (number) => {
    expect(isE164(number)).toBe(false)
  })
})

describe('callingCodeOf', () => {
  test.each([
    ['SG', '65'],
    ['GB', '44'],
    ['GG', '44'],
    ['XX', null],
    ['__proto__', null],
  ])('%s: %s', (country, code) => {
    expect(callingCodeOf(country)).toBe(code)
  })
})
