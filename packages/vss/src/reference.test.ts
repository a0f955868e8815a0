import { describe, expect, test } from 'vitest'
import {
  documentedErrorCode,
  errorMeanings,
  impliedSessionStatus,
  impliedStatuses,
  legStatuses,
  mosBand,
  mosBands,
  sessionStatuses,
} from './reference.ts'

describe('the status table', () => {
  test.each([
    ['COMPLETED', 'COMPLETED', 'COMPLETED'],
    ['COMPLETED', 'NO_ANSWER', 'NO_ANSWER'],
    ['COMPLETED', 'BUSY', 'BUSY'],
    ['COMPLETED', 'FAILED', 'FAILED'],
    ['CANCELED', 'CANCELED', 'CANCELED'],
    ['COMPLETED', null, 'COMPLETED'],
    ['ERROR', null, 'ERROR'],
    ['COMPLETED', 'ERROR', 'ERROR'],
  ])('A %s with B %s implies %s', (callA, callB, session) => {
    expect(impliedSessionStatus(callA, callB)).toBe(session)
  })

  test('implies nothing for any other combination', () => {
    const combinations = [...legStatuses].flatMap((a) => [...legStatuses, null].map((b) => [a, b] as const))
    const implied = combinations.filter(([a, b]) => impliedSessionStatus(a, b) !== undefined)
    expect(implied).toHaveLength(8)
    expect(impliedStatuses).toHaveLength(8)
  })

  test('names known statuses only', () => {
    for (const { callA, callB, session } of impliedStatuses) {
      expect(legStatuses).toContain(callA)
      if (callB !== null) expect(legStatuses).toContain(callB)
      expect(sessionStatuses).toContain(session)
    }
  })
})

describe('error codes', () => {
  test.each([
    [-2001, 'An internal error has occurred'],
    [-2002, 'An internal connectivity error has occurred'],
    [-2003, 'The call flow provided is invalid'],
    [-2004, 'No coverage available for requested area'],
    [-2005, 'Unable to synthesize text to speech'],
    [-2006, 'Unable to download file for playback'],
    [-2007, 'The validity period of the call flow request has expired'],
    [-2008, 'The provided source MSISDN or caller ID is not whitelisted'],
    [-2009, 'The scenario parameters provided is invalid'],
    [-2010, 'The trunk capacity has been exceeded'],
    [-9999, 'An unknown error has occurred'],
  ])('%d means "%s", and the other way round', (code, message) => {
    expect(errorMeanings.get(code)).toBe(message)
    expect(documentedErrorCode(message)).toBe(code)
    expect(documentedErrorCode(` ${message.toUpperCase()}. `)).toBe(code)
  })

  test('there are eleven', () => {
    expect(errorMeanings.size).toBe(11)
  })

  test.each([
    '',
    '.',
    'An internal error',
    'An internal error has occurred..',
    'An internal error has  occurred',
  ])('%j is not a documented message', (message) => {
    expect(documentedErrorCode(message)).toBeUndefined()
  })
})

describe('MOS bands', () => {
  test.each([
    [5, 'excellent'],
    [4.3, 'excellent'],
    [4.29, 'good'],
    [4.0, 'good'],
    [3.99, 'fair'],
    [3.6, 'fair'],
    [3.59, 'poor'],
    [3.1, 'poor'],
    [3.09, 'bad'],
    [1, 'bad'],
    [0.99, null],
    [5.01, null],
    [-1, null],
  ])('%d is %s', (mos, band) => {
    expect(mosBand(mos)).toBe(band)
  })

  test('are listed best first', () => {
    const limits = mosBands.map(({ from }) => from)
    expect(limits).toEqual(limits.toSorted((one, other) => other - one))
  })
})
