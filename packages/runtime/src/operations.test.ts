import { afterEach, expect, test } from 'vitest'
import { operations, runOperation } from './operations.ts'

const { spool } = operations
const endings: (() => void)[] = []
afterEach(() => {
  for (const end of endings.splice(0)) end()
})

function recordMessages(stage: 'start' | 'asyncEnd'): unknown[] {
  const messages: unknown[] = []
  const onMessage = (message: unknown) => void messages.push(message)
  spool[stage].subscribe(onMessage)
  endings.push(() => spool[stage].unsubscribe(onMessage))
  return messages
}

function describe(startedMs: number) {
  return { startedMs, deliveries: [] }
}

test('without subscribers no message is made', async () => {
  const result = await runOperation(
    spool,
    () => {
      throw new Error('a message was made')
    },
    async (message) => ({ message }),
  )
  expect(result).toEqual({ message: undefined })
})

test('an operation is published at its start, and with its result at its end', async () => {
  const starts = recordMessages('start')
  const ends = recordMessages('asyncEnd')
  expect(await runOperation(spool, describe, async () => 7)).toBe(7)
  expect(ends).toEqual([{ startedMs: expect.any(Number), deliveries: [], result: 7 }])
  expect(ends[0]).toBe(starts[0])
})

test('an operation that fails throws its own error, and is published with it', async () => {
  const ends = recordMessages('asyncEnd')
  const error = new Error('no')
  await expect(runOperation(spool, describe, () => Promise.reject(error))).rejects.toBe(error)
  expect(ends).toMatchObject([{ error }])
})
