import { describe, expect, test } from 'vitest'
import { readNumberSearch } from './numbers.ts'

const whole = { whole: ['32105552021+', '32105552021', '3210555202100', '32105552021+:let'] }

describe('a number with its country is a whole one, however it is written', () => {
  test.each([
    '+12025550123',
    '0012025550123',
    'tel:+12025550123',
    'TEL:+1-202-555-0123',
    '+1 (202) 555-0123',
    '+1.202.555.0123',
    '(+1) 202/555 0123',
    '00 1 202 555 01 23',
    ' +1\u00a0202\u2009555\u20110123\n',
    '+1 202 555–0123',
    '+1 (0)202 555 0123',
  ])('%j', (text) => {
    expect(readNumberSearch(text)).toEqual(whole)
  })
})

describe('digits without their country are the end of a number', () => {
  test.each([
    ['0123', '3210'],
    ['0012', '2100'],
    ['00 1234', '432100'],
    ['555-0123', '3210555'],
    ['055-0123', '3210550'],
    ['(202) 555 0123', '3210555202'],
    ['12025550123', '32105552021'],
    ['020 7946 0958', '8590649702'],
    ['(020) 7946 0958', '8590649702'],
    ['tel:5550123', '3210555'],
  ])('%s', (text, ending) => {
    expect(readNumberSearch(text)).toEqual({ ending })
  })
})

describe('a text with letters is the word that was sent in place of a number', () => {
  test.each([
    ['anonymous', 'suomynona'],
    ['sip:alice@example.com', 'moc.elpmaxe@ecila:pis'],
    ['1-800-FLOWERS', 'SREWOLF-008-1'],
  ])('%s', (text, key) => {
    expect(readNumberSearch(text)).toEqual({ whole: [key] })
  })
})

test.each([
  '',
  ' ',
  '+',
  '123',
  '+123',
  '*31#',
  '+1202%',
  '1202555_',
  '+1 202;555',
  'anony\0mous',
  '++12025550123',
  `+${'1'.repeat(255)}`,
])('%j is nothing to look for', (text) => {
  expect(readNumberSearch(text)).toBeNull()
})
