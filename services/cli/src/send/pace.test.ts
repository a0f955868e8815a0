import { expect, it } from 'vitest'
import { createPace } from './pace.ts'

it('gives every turn at once without a rate', async () => {
  const waitForTurn = createPace(undefined, new AbortController().signal)
  const startedAtMs = performance.now()
  for (let turn = 0; turn < 1_000; turn++) expect(await waitForTurn()).toBe(true)
  expect(performance.now() - startedAtMs).toBeLessThan(1_000)
})

it('gives no turn before its time', async () => {
  const waitForTurn = createPace(200, new AbortController().signal)
  const startedAtMs = performance.now()
  const turnsAtMs = await Promise.all(
    Array.from({ length: 20 }, () => waitForTurn().then(() => performance.now() - startedAtMs)),
  )
  turnsAtMs.forEach((atMs, turn) => {
    // Node's timers may fire up to a millisecond early.
    expect(atMs).toBeGreaterThanOrEqual(turn * 5 - 1)
  })
})

it('ends every wait when it is stopped', async () => {
  const stop = new AbortController()
  const waitForTurn = createPace(0.001, stop.signal)
  expect(await waitForTurn()).toBe(true)
  const waits = Array.from({ length: 100 }, waitForTurn)
  stop.abort()
  expect(await Promise.all(waits)).toEqual(Array(100).fill(false))
})

it('gives no turn after it was stopped', async () => {
  const stop = new AbortController()
  stop.abort()
  expect(await createPace(undefined, stop.signal)()).toBe(false)
  expect(await createPace(1, stop.signal)()).toBe(false)
})
