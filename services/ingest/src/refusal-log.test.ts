import { expect, test } from 'vitest'
import { createRefusalLog } from './refusal-log.ts'

function createAt() {
  const messages: string[] = []
  let nowMs = 0
  const log = createRefusalLog({
    logger: { warn: (_fields: object, message: string) => void messages.push(message) } as never,
    now: () => nowMs,
  })
  return {
    log,
    messages,
    pass(seconds: number) {
      nowMs += seconds * 1_000
      log.turn()
    },
  }
}

test('the first refusal is logged at once, and those of the next minute together', () => {
  const { log, messages, pass } = createAt()
  log.refused('unauthorized', '192.0.2.1')
  expect(messages).toEqual(['1 POST refused: unauthorized, from 1 address'])
  for (let posts = 0; posts < 305; posts++) log.refused('unauthorized', `192.0.2.${posts % 3}`)
  pass(59)
  expect(messages).toHaveLength(1)
  pass(1)
  expect(messages[1]).toBe('305 POSTs refused in 60 s: unauthorized, from 3 addresses')
  log.refused('unauthorized')
  pass(60)
  expect(messages[2]).toBe('1 POST refused in 60 s: unauthorized')
})

test('after a minute without refusals the next one is logged at once', () => {
  const { log, messages, pass } = createAt()
  log.refused('unavailable')
  pass(60)
  log.refused('unavailable')
  expect(messages).toEqual(['1 POST refused: unavailable', '1 POST refused: unavailable'])
})

test('each reason has lines of its own', () => {
  const { log, messages } = createAt()
  log.refused('unauthorized')
  log.refused('unavailable')
  log.refused('unavailable')
  expect(messages).toEqual(['1 POST refused: unauthorized', '1 POST refused: unavailable'])
})

test('a stop leaves no refusal without a line', () => {
  const { log, messages, pass } = createAt()
  log.refused('payload_too_large')
  log.refused('payload_too_large')
  pass(7)
  log.close()
  log.close()
  expect(messages.slice(1)).toEqual(['1 POST refused in 7 s: payload_too_large'])
})

test('a flood from any number of addresses takes little memory', () => {
  const { log, messages, pass } = createAt()
  for (let posts = 0; posts < 5_000; posts++) log.refused('unauthorized', `2001:db8::${posts}`)
  pass(60)
  expect(messages[1]).toBe('4999 POSTs refused in 60 s: unauthorized, from 1000 addresses or more')
})
