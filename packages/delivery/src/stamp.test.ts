import { expect, test } from 'vitest'
import { receivedAtMsOf } from './id.ts'
import { createStamp } from './stamp.ts'

const body = new Uint8Array()

function stampAt(times: number[]) {
  const remaining = [...times]
  const stamp = createStamp({ now: () => remaining.shift()! })
  return times.map(() => stamp(body, null))
}

test('the id carries the millisecond of receipt', () => {
  const [delivery] = stampAt([1_700_000_000_123])
  expect(delivery?.receivedAtMs).toBe(1_700_000_000_123)
  expect(receivedAtMsOf(delivery!.deliveryId)).toBe(1_700_000_000_123)
})

test('ids rise within a millisecond, and while the clock is a little behind', () => {
  const now = 1_700_000_000_000
  const ids = stampAt([now, now, now, now - 5, now - 1_000, now, now + 1]).map(({ deliveryId }) => deliveryId)
  expect(ids).toEqual([...ids].sort())
  expect(new Set(ids).size).toBe(ids.length)
})

test('ids follow a clock that had run ahead and is set right again', () => {
  const now = 1_700_000_000_000
  const times = stampAt([now, now + 3_600_000, now + 10]).map(({ receivedAtMs }) => receivedAtMs)
  expect(times).toEqual([now, now + 3_600_000, now + 10])
})

test('no delivery is stamped before a given time, by a clock that is behind or is set back', () => {
  const now = 1_700_000_000_000
  const stamp = createStamp({ now: () => now - 3_600_000, notBefore: () => now })
  const [first, second] = [stamp(body, null), stamp(body, null)]
  expect([first.receivedAtMs, second.receivedAtMs]).toEqual([now, now])
  expect(first.deliveryId < second.deliveryId).toBe(true)
})
