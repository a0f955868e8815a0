import { expect, it } from 'vitest'
import { hidePrivate } from './private-arguments.ts'

it.each([
  ['+12025550123'],
  ['12025550123'],
  ['+1 (202) 555-0123'],
  ['tel:+12025550123'],
  ['202.555.0123'],
  ['--nubmer=+12025550123'],
])('hides the number in %s', (argument) => {
  const hidden = hidePrivate(`unknown command '${argument}' (see --help)`, ['sessions', argument])
  expect(hidden).toMatch(/^unknown command '.*…' \(see --help\)$/)
  expect(hidden).not.toMatch(/\d/)
})

it('hides the password of a URL', () => {
  const url = 'ftp://user:geheim@example.com/a'
  expect(hidePrivate(`argument '${url}' is invalid`, ['send', '--url', url])).toBe(
    "argument 'ftp://…@example.com/a' is invalid",
  )
})

it.each([
  ['frobnicate'],
  ['1f048a84-ea6d-11ee-911b-078f7290bf52'],
  ['2026-02-30'],
  ['2026-02-30T09:30'],
  ['999999'],
])('shows %s', (argument) => {
  const text = `argument '${argument}' is invalid. It takes a whole number from 1 to 1000000000`
  expect(hidePrivate(text, [argument])).toBe(text)
})
