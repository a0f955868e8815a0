import { InvalidArgumentError } from 'commander'
import { describe, expect, it } from 'vitest'
import {
  parseAmount,
  parseBytes,
  parseDays,
  parseDuration,
  parseEndpoint,
  parseFactor,
  parseMoment,
  parseRate,
  parseShare,
  parseSubAccount,
  parseUuid,
  parseWebhookUrl,
  wholeNumber,
} from './arguments.ts'

describe('wholeNumber', () => {
  const parse = wholeNumber(1, 100)

  it('takes both ends of its range', () => {
    expect([parse('1'), parse('100')]).toEqual([1, 100])
  })

  it.each(['0', '101', '-1', '1.5', '1e1', '', ' 7', 'ten', '9'.repeat(30)])('refuses %j', (text) => {
    expect(() => parse(text)).toThrow('a whole number from 1 to 100')
  })
})

describe('parseAmount', () => {
  it.each([
    ['1', 1],
    ['250000', 250_000],
    ['250k', 250_000],
    ['1.5M', 1_500_000],
    ['1G', 1e9],
    ['1e9', 1e9],
    ['1E12', 1e12],
  ])('takes %s', (text, amount) => {
    expect(parseAmount(text)).toBe(amount)
  })

  it.each(['0', '0.5', '-1', '1e13', '1e99', '1e-3', '10MM', '10 M', '1,000', 'NaN', 'Infinity', ''])(
    'refuses %j',
    (text) => {
      expect(() => parseAmount(text)).toThrow('a count from 1 to 1e12')
    },
  )
})

describe('parseFactor', () => {
  it('takes a multiple', () => {
    expect(['1', '2.5', '1000'].map(parseFactor)).toEqual([1, 2.5, 1_000])
  })

  it.each(['0', '0.9', '1001', '-2', '4x', ''])('refuses %j', (text) => {
    expect(() => parseFactor(text)).toThrow('a multiple from 1 to 1000')
  })
})

describe('parseDays', () => {
  it('takes days with and without their unit', () => {
    expect(['30d', '30', '36500'].map(parseDays)).toEqual([30, 30, 36_500])
  })

  it.each(['0', '36501', '12h', '1.5d', '-1', ''])('refuses %j', (text) => {
    expect(() => parseDays(text)).toThrow('a number of days from 1 to 36500')
  })
})

describe('parseBytes', () => {
  it('takes sizes in binary units', () => {
    expect(['512MiB', '32GiB', '1.5tib'].map(parseBytes)).toEqual([2 ** 29, 2 ** 35, 1.5 * 2 ** 40])
  })

  it.each(['0MiB', '32', '32GB', '-1GiB', '1e3GiB', ''])('refuses %j', (text) => {
    expect(() => parseBytes(text)).toThrow('a size, such as 512MiB')
  })
})

describe('parseRate', () => {
  it.each([
    ['200', 200],
    ['0.5', 0.5],
  ])('takes %s', (text, rate) => {
    expect(parseRate(text)).toBe(rate)
  })

  it.each(['0', '0.0', '-1', '1/s', 'Infinity', 'NaN', ''])('refuses %j', (text) => {
    expect(() => parseRate(text)).toThrow(InvalidArgumentError)
  })
})

describe('parseShare', () => {
  it.each([
    ['0', 0],
    ['0.05', 0.05],
    ['.05', 0.05],
    ['5%', 0.05],
    ['0.5%', 0.005],
    ['1', 1],
    ['100%', 1],
  ])('reads %s', (text, share) => {
    expect(parseShare(text)).toBeCloseTo(share, 12)
  })

  it.each(['5', '101%', '-0.1', '%', '', '5 %', '.'])('refuses %j', (text) => {
    expect(() => parseShare(text)).toThrow(InvalidArgumentError)
  })
})

describe('parseDuration', () => {
  it.each([
    ['30s', 30_000],
    ['15m', 900_000],
    ['1h', 3_600_000],
    ['7d', 604_800_000],
  ])('reads %s as milliseconds', (text, ms) => {
    expect(parseDuration(text)).toBe(ms)
  })

  it.each(['', '1', 'h', '0h', '-1h', '1.5h', '1y', '1 h', '1h30m', '999999d'])('refuses %j', (text) => {
    expect(() => parseDuration(text)).toThrow('30s, 15m, 1h or 7d')
  })
})

describe('parseMoment', () => {
  it.each([
    ['2026-03-01', '2026-03-01T00:00:00.000Z'],
    ['2026-03-01T09:30', '2026-03-01T09:30:00.000Z'],
    ['2026-03-01 09:30:15', '2026-03-01T09:30:15.000Z'],
    ['2026-03-01T09:30:15.250Z', '2026-03-01T09:30:15.250Z'],
    ['2026-03-01T09:30z', '2026-03-01T09:30:00.000Z'],
    ['2024-02-29T23:30-05:00', '2024-03-01T04:30:00.000Z'],
  ])('reads %s', (text, moment) => {
    expect(parseMoment(text).toISOString()).toBe(moment)
  })

  it('reads 2h as two hours ago', () => {
    expect(Date.now() - parseMoment('2h').getTime()).toBeCloseTo(7_200_000, -3)
  })

  it.each([
    '',
    'yesterday',
    '1',
    '0h',
    '0000-01-01',
    '2026-02-30',
    '2025-02-29',
    '2026-13-01',
    '2026-03-01T25:00',
    '2026-03-01T',
    '2026-03-01T09',
    '2026-03-01T09:30+0800x',
    '26-03-01',
  ])('refuses %j', (text) => {
    expect(() => parseMoment(text)).toThrow(InvalidArgumentError)
  })
})

describe('parseUuid', () => {
  it('gives lower case', () => {
    expect(parseUuid('1F048A84-EA6D-11EE-911B-078F7290BF52')).toBe('1f048a84-ea6d-11ee-911b-078f7290bf52')
  })

  it.each(['', '1f048a84', '1f048a84-ea6d-11ee-911b-078f7290bf52 ', '1f048a84ea6d11ee911b078f7290bf52'])(
    'refuses %j',
    (text) => {
      expect(() => parseUuid(text)).toThrow('It takes a UUID')
    },
  )
})

describe('parseEndpoint', () => {
  it('takes http and https', () => {
    expect(parseEndpoint('https://example.com/webhooks/vss').host).toBe('example.com')
    expect(parseEndpoint('http://127.0.0.1:8080').port).toBe('8080')
  })

  it.each(['ftp://example.com', 'example.com/webhooks', ''])('refuses %j', (text) => {
    expect(() => parseEndpoint(text)).toThrow('http:// or https://')
  })

  it('refuses credentials, because the URL is shown', () => {
    expect(() => parseEndpoint('http://user:password@example.com')).toThrow('without user name and password')
  })
})

describe('parseWebhookUrl', () => {
  it.each(['https://vss.example.com/webhooks/vss', 'http://127.0.0.1:8080/webhooks/vss'])(
    'takes %s',
    (url) => {
      expect(parseWebhookUrl(url).href).toBe(url)
    },
  )

  it.each(['http://vss.example.com', 'vss.example.com', 'https://user:password@example.com', 'https://a/#b'])(
    'refuses %s',
    (url) => {
      expect(() => parseWebhookUrl(url)).toThrow(InvalidArgumentError)
    },
  )
})

describe('parseSubAccount', () => {
  it.each(['acme_VoiceMessaging', '5hu-1.eu'])('takes %s', (id) => {
    expect(parseSubAccount(id)).toBe(id)
  })

  it.each(['', '.', '..', '../other', 'a/b', 'a b', 'a?b', 'a'.repeat(101)])('refuses %j', (id) => {
    expect(() => parseSubAccount(id)).toThrow('It takes the id of a sub-account')
  })
})
