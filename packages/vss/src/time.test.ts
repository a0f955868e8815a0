import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { readTimestamp, secondsBetween } from './time.ts'

describe('readTimestamp', () => {
  test.each([
    ['2024-03-25T06:01:30Z', '2024-03-25T06:01:30.000Z'],
    ['2024-03-25T06:01:30.5Z', '2024-03-25T06:01:30.500Z'],
    ['2024-03-25T06:01:30.123456789Z', '2024-03-25T06:01:30.123Z'],
    ['2024-03-25T06:01Z', '2024-03-25T06:01:00.000Z'],
    ['2024-03-25 06:01:30', '2024-03-25T06:01:30.000Z'],
    ['2024-03-25T06:01:30', '2024-03-25T06:01:30.000Z'],
    ['2024-03-25T06:01:30+08:00', '2024-03-24T22:01:30.000Z'],
    ['2024-03-25T06:01:30.250-0330', '2024-03-25T09:31:30.250Z'],
    ['2024-03-25T06:01:30-00:00', '2024-03-25T06:01:30.000Z'],
    ['2024-02-29T23:59:59Z', '2024-02-29T23:59:59.000Z'],
    ['2000-02-29T00:00:00Z', '2000-02-29T00:00:00.000Z'],
    ['2024-03-25t06:01:30z', '2024-03-25T06:01:30.000Z'],
    ['2016-12-31T23:59:60Z', '2016-12-31T23:59:59.000Z'],
    ['2017-01-01T07:59:60+08', '2016-12-31T23:59:59.000Z'],
    ['2016-12-31T23:59:60.25Z', '2016-12-31T23:59:59.250Z'],
    ['2024-03-25T06:01:30+08', '2024-03-24T22:01:30.000Z'],
    ['2024-03-25 06:01:30-03', '2024-03-25T09:01:30.000Z'],
    ['2024-03-25T06:01+00', '2024-03-25T06:01:00.000Z'],
    ['2024-03-25T24:00:00Z', '2024-03-26T00:00:00.000Z'],
    ['2024-12-31T24:00:00.000+08:00', '2024-12-31T16:00:00.000Z'],
    ['2024-02-28T24:00', '2024-02-29T00:00:00.000Z'],
    ['2024-03-25T06:01:30,5Z', '2024-03-25T06:01:30.500Z'],
    ['2024-03-25T06:01:30,123456789+08', '2024-03-24T22:01:30.123Z'],
    ['2024-03-25 06:01:30,000', '2024-03-25T06:01:30.000Z'],
    ['2000-01-01T00:00:00Z', '2000-01-01T00:00:00.000Z'],
    ['1999-12-31T23:00:00-02:00', '2000-01-01T01:00:00.000Z'],
    ['1999-12-31T24:00:00Z', '2000-01-01T00:00:00.000Z'],
    ['9999-12-31T23:59:59.999Z', '9999-12-31T23:59:59.999Z'],
  ])('reads %s as %s', (text, expected) => {
    expect(readTimestamp(text)).toBe(Date.parse(expected))
  })

  test.each([
    ['30 February', '2024-02-30T00:00:00Z'],
    ['29 February of a common year', '2023-02-29T00:00:00Z'],
    ['29 February 2100', '2100-02-29T00:00:00Z'],
    ['31 April', '2024-04-31T00:00:00Z'],
    ['31 November with an offset', '2024-11-31T00:00:00+01:00'],
    ['month 0', '2024-00-10T00:00:00Z'],
    ['month 13', '2024-13-10T00:00:00Z'],
    ['day 0', '2024-01-00T00:00:00Z'],
    ['hour 25', '2024-01-01T25:00:00Z'],
    ['a minute after the day’s end', '2024-01-01T24:01:00Z'],
    ['a second after the day’s end', '2024-01-01T24:00:01Z'],
    ['a moment after the day’s end', '2024-01-01T24:00:00.0001Z'],
    ['a leap second after the day’s end', '2024-01-01T24:00:60Z'],
    ['a leap second at noon', '2016-12-31T12:00:60Z'],
    ['a leap second before the last minute', '2016-12-31T23:58:60Z'],
    ['a leap second at another zone’s midnight', '2016-12-31T23:59:60+08:00'],
    ['minute 60', '2024-01-01T00:60:00Z'],
    ['second 61', '2016-12-31T23:59:61Z'],
    ['offset hour 24', '2024-01-01T00:00:00+24:00'],
    ['offset minute 60', '2024-01-01T00:00:00+01:60'],
    ['year 85', '0085-01-01T00:00:00Z'],
    ['year 99, which a zone moves on', '0099-12-31T23:30:00-01:00'],
    ['year 1', '0001-01-01T00:00:00Z'],
    ['the epoch', '1970-01-01T00:00:00Z'],
    ['the epoch less a millisecond', '1969-12-31T23:59:59.999Z'],
    ['the epoch in another zone', '1970-01-01T08:00:00+08:00'],
    ['before 2000', '1999-12-31T23:59:59.999Z'],
    ['before 2000 in UTC', '2000-01-01T00:30:00+01:00'],
    ['after 9999 in UTC', '9999-12-31T23:30:00-01:00'],
    ['the end of 9999', '9999-12-31T24:00:00Z'],
    ['a date alone', '2024-03-25'],
    ['no separator', '2024-03-2506:01:30Z'],
    ['a fraction without seconds', '2024-03-25T06:01.5Z'],
    ['an offset of one digit', '2024-03-25T06:01:30+8'],
    ['an offset of three digits', '2024-03-25T06:01:30+083'],
    ['two marks before the fraction', '2024-03-25T06:01:30.,5Z'],
    ['an empty fraction', '2024-03-25T06:01:30.Z'],
    ['text after', '2024-03-25T06:01:30Z\n'],
    ['a negative year', '-2024-03-25T06:01:30Z'],
    ['other digits', '２０２４-03-25T06:01:30Z'],
    ['seconds since the epoch', '1711346490'],
    ['nothing', ''],
  ])('refuses %s', (_what, text) => {
    expect(readTimestamp(text)).toBeNull()
  })

  test('agrees with Date for every instant in any zone', () => {
    const instants = fc.date({
      min: new Date('2000-01-03T00:00:00Z'),
      max: new Date('9999-12-29T00:00:00Z'),
      noInvalidDate: true,
    })
    fc.assert(
      fc.property(instants, fc.integer({ min: -1439, max: 1439 }), (instant, offset) => {
        const local = new Date(instant.getTime() + offset * 60_000).toISOString().slice(0, -1)
        const twoDigits = (value: number) => String(Math.trunc(Math.abs(value))).padStart(2, '0')
        const zone = `${offset < 0 ? '-' : '+'}${twoDigits(offset / 60)}:${twoDigits(offset % 60)}`
        expect(readTimestamp(local + zone)).toBe(instant.getTime())
      }),
    )
  })

  test('gives only times that Postgres and Date read alike', () => {
    fc.assert(
      fc.property(
        fc.stringMatching(/^\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d([.,]\d{1,9})?(Z|[+-]\d\d(:?\d\d)?)?$/),
        (text) => {
          const read = readTimestamp(text)
          if (read !== null) expect(new Date(read).toISOString()).toMatch(/^[2-9]\d{3}-/)
        },
      ),
      { numRuns: 2000 },
    )
  })
})

describe('secondsBetween', () => {
  const noon = Date.UTC(2024, 0, 1, 12)
  const later = noon + 1_250

  test('counts milliseconds as fractions', () => {
    expect(secondsBetween(noon, later)).toBe(1.25)
  })

  test('is negative when time runs backwards', () => {
    expect(secondsBetween(later, noon)).toBe(-1.25)
  })

  test.each([
    [null, noon],
    [noon, null],
    [null, null],
  ])('is unknown from %s to %s', (from, to) => {
    expect(secondsBetween(from, to)).toBeNull()
  })
})
