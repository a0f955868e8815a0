import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { createAuthenticator } from './authentication.ts'

describe('with secrets', () => {
  const isAuthentic = createAuthenticator(['Bearer one two', 'three', 'sécret→'])

  test.each(['Bearer one two', 'three'])('%j is authentic', (credential) => {
    expect(isAuthentic(credential)).toBe(true)
  })

  test('a secret beyond ASCII is compared by its bytes, which Node gives as Latin-1', () => {
    expect(isAuthentic(Buffer.from('sécret→').toString('latin1'))).toBe(true)
    expect(isAuthentic('sécret→')).toBe(false)
  })

  test.each([
    undefined,
    '',
    ' ',
    'one',
    'Bearer one',
    'Bearer one two three',
    'bearer one two',
    'Bearer  one two',
    'thre',
    'threee',
    'Bearer one two,three',
    'x'.repeat(8_000),
  ])('%j is not authentic', (credential) => {
    expect(isAuthentic(credential)).toBe(false)
  })

  test('no other text is authentic', () => {
    fc.assert(
      fc.property(fc.string(), (credential) => {
        fc.pre(!['Bearer one two', 'three'].includes(credential))
        expect(isAuthentic(credential)).toBe(false)
      }),
    )
  })
})

test('a secret may be given twice', () => {
  expect(createAuthenticator(['a', 'a'])('a')).toBe(true)
})

test('without secrets every credential is authentic', () => {
  expect(createAuthenticator([])(undefined)).toBe(true)
  expect(createAuthenticator([])('anything')).toBe(true)
})
