import { expect, test } from 'vitest'
import { createWrongTries } from './wrong-tries.ts'

function triesAt(clock: { nowMs: number }) {
  return createWrongTries({ nowMs: () => clock.nowMs })
}

test('after five wrong passwords an address waits until the first of them is a minute old', () => {
  const clock = { nowMs: 1_000_000 }
  const tries = triesAt(clock)
  for (let made = 0; made < 5; made++) {
    expect(tries.waitSeconds('203.0.113.7')).toBe(0)
    tries.add('203.0.113.7')
    clock.nowMs += 1_000
  }
  expect(tries.waitSeconds('203.0.113.7')).toBe(55)
  expect(tries.waitSeconds('203.0.113.8')).toBe(0)
  clock.nowMs += 55_000
  expect(tries.waitSeconds('203.0.113.7')).toBe(0)
  tries.add('203.0.113.7')
  expect(tries.waitSeconds('203.0.113.7')).toBe(1)
})

test.each([
  ['2001:db8::1', '2001:db8:0:0:ffff::2', true],
  ['2001:db8:0:1::1', '2001:db8::1', false],
  ['::1', '::2', true],
])('%s and %s share their tries: %s', (one, other, isShared) => {
  const tries = triesAt({ nowMs: 0 })
  for (let made = 0; made < 5; made++) tries.add(one)
  expect(tries.waitSeconds(other) > 0).toBe(isShared)
})

test('it remembers a bounded number of addresses', () => {
  const tries = triesAt({ nowMs: 0 })
  for (let made = 0; made < 5; made++) tries.add('203.0.113.7')
  for (let host = 0; host < 10_000; host++) tries.add(`10.0.${host >> 8}.${host & 255}`)
  expect(tries.waitSeconds('203.0.113.7')).toBe(0)
})
