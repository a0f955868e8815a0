import fc from 'fast-check'
import { parsePhoneNumberFromString } from 'libphonenumber-js/max'
import { describe, expect, test } from 'vitest'
import { callingCodesOf, isFormerKosovoNumber, numberFacts } from './numbers.ts'

describe('numberFacts', () => {
  test.each([
    ['+6568332048', { isE164: true, type: 'FIXED_LINE', country: 'SG', callingCode: '65' }],
    ['+6591178965', { isE164: true, type: 'MOBILE', country: 'SG', callingCode: '65' }],
    ['+12314377870', { isE164: true, type: 'FIXED_LINE_OR_MOBILE', country: 'US', callingCode: '1' }],
    ['+442079460958', { isE164: true, type: 'FIXED_LINE', country: 'GB', callingCode: '44' }],
    ['+441481960194', { isE164: true, type: 'FIXED_LINE', country: 'GG', callingCode: '44' }],
    ['+80012345678', { isE164: true, type: 'TOLL_FREE', country: null, callingCode: '800' }],
    ['+38344123456', { isE164: true, type: 'MOBILE', country: 'XK', callingCode: '383' }],
    ['+65 9117 8965', { isE164: false, type: 'MOBILE', country: 'SG', callingCode: '65' }],
  ])('of %s', (number, facts) => {
    expect(numberFacts(number, 'MSISDN')).toEqual(facts)
    expect(numberFacts(number, null)).toEqual(facts)
  })

  const none = { isE164: false, type: null, country: null, callingCode: null }

  test.each([
    '+6512345678',
    '+266696687',
    '+7378742833',
    '+10000000000',
    '+999999999',
    '+65123',
    '+',
    'anonymous',
    'call +6568332048 now',
    `+6568332048${' '.repeat(54)}`,
    '',
  ])('of %j, which is not a valid number: none', (text) => {
    expect(numberFacts(text, null)).toMatchObject({ type: null, country: null, callingCode: null })
  })

  test.each([
    ['6591178965', 'MSISDN', 'SG'],
    ['6591178965', 'msisdn', 'SG'],
    ['6591178965', null, 'SG'],
    ['12314377870', null, 'US'],
    ['442079460958', 'MSISDN', 'GB'],
    ['6591178965', 'SIP', null],
    ['6591178965', 'NATIONAL', null],
    ['6512345678', 'MSISDN', null],
    ['266696687', null, null],
    ['006591178965', null, null],
    ['65 9117 8965', null, null],
    ['1001', null, null],
  ])('of %s with the format %j: country %j', (number, format, country) => {
    expect(numberFacts(number, format)).toEqual(
      country === null ? none : { ...numberFacts(`+${number}`, format), isE164: false },
    )
    expect(numberFacts(number, format).country).toBe(country)
  })

  test('are there for the numbers that libphonenumber calls valid, and for no others', () => {
    fc.assert(
      fc.property(fc.stringMatching(/^\+[1-9][0-9]{6,14}$/), (number) => {
        const isValid = parsePhoneNumberFromString(number, { extract: false })?.isValid() ?? false
        expect(numberFacts(number, null).type !== null).toBe(isValid)
      }),
      { numRuns: 2000 },
    )
  })

  test('never throws', () => {
    const texts = fc.oneof(fc.string({ unit: 'binary' }), fc.stringMatching(/^\+?[0-9 ()x;.,#*~-]{0,30}$/))
    fc.assert(
      fc.property(texts, (text) => {
        expect(Object.keys(numberFacts(text, null))).toEqual(['isE164', 'type', 'country', 'callingCode'])
      }),
    )
  })
})

describe('E.164', () => {
  test.each(['+1234567', '+123456789012345'])('is %s', (number) => {
    expect(numberFacts(number, null).isE164).toBe(true)
  })

  test.each([
    '+123456',
    '+1234567890123456',
    '+0123456789',
    '1234567890',
    '+65 6833 2048',
    '+6568332048\n',
    '',
  ])('is not %j', (number) => {
    expect(numberFacts(number, null).isE164).toBe(false)
  })
})

describe('callingCodesOf', () => {
  test.each([
    ['SG', ['65']],
    ['GB', ['44']],
    ['GG', ['44']],
    ['XK', ['383', '377', '381', '386']],
    ['RS', ['381']],
    ['XX', []],
    ['__proto__', []],
  ])('%s: %j', (country, codes) => {
    expect(callingCodesOf(country)).toEqual(codes)
  })
})

describe('isFormerKosovoNumber', () => {
  test.each([
    ['+38138123456', 'XK', true],
    ['+38649123456', 'XK', true],
    ['+37744123456', 'XK', true],
    ['+38344123456', 'XK', false],
    ['+266696687', 'XK', false],
    ['+38138123456', 'RS', false],
    ['+38138123456', null, false],
  ])('%s in %s: %s', (number, country, expected) => {
    expect(isFormerKosovoNumber(number, country)).toBe(expected)
  })
})
