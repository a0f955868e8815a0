import { expect, test } from 'vitest'
import { createVisits } from './visits.ts'

const hourMs = 3_600_000

function visitsAt(clock: { nowMs: number }) {
  return createVisits({ nowMs: () => clock.nowMs })
}

test('a cookie gives its visit back, and ends after twelve hours', () => {
  const clock = { nowMs: 1_700_000_000_000 }
  const visits = visitsAt(clock)
  const visit = visits.begin({ isSignedIn: true })
  const cookie = visits.toCookie(visit)
  clock.nowMs += 12 * hourMs - 1
  expect(visits.read(cookie)).toEqual(visit)
  clock.nowMs += 1
  expect(visits.read(cookie)).toBeNull()
})

test('no part of a cookie can be changed', () => {
  const visits = createVisits()
  const cookie = visits.toCookie(visits.begin({ isSignedIn: false }))
  const [id, , end, signature] = cookie.split('.')
  expect(visits.read(cookie)).not.toBeNull()
  const forged = [
    undefined,
    '',
    [id, 'in', end, signature].join('.'),
    [id, 'out', Number(end) + 1, signature].join('.'),
    [`${id!.slice(0, -1)}${id!.endsWith('A') ? 'B' : 'A'}`, 'out', end, signature].join('.'),
    `${cookie.slice(0, -2)}AA`,
    `${cookie}A`,
  ]
  expect(forged.map((text) => visits.read(text))).toEqual(forged.map(() => null))
  expect(createVisits().read(cookie), 'another process').toBeNull()
})

test('a visit that was ended is over, whoever has a copy of its cookie', () => {
  const visits = createVisits()
  const [one, other] = [visits.begin({ isSignedIn: true }), visits.begin({ isSignedIn: true })]
  visits.end(one)
  expect(visits.read(visits.toCookie(one))).toBeNull()
  expect(visits.read(visits.toCookie(other))).toEqual(other)
})

test('the token of a form is that of one visit', () => {
  const visits = createVisits()
  const [one, other] = [visits.begin({ isSignedIn: true }), visits.begin({ isSignedIn: true })]
  expect(visits.isFormToken(one, visits.formTokenOf(one))).toBe(true)
  for (const token of [visits.formTokenOf(other), '', undefined, 'x'.repeat(43)]) {
    expect(visits.isFormToken(one, token)).toBe(false)
  }
})
