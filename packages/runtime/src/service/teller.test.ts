import { expect, test } from 'vitest'
import { createLogger } from './logger.ts'
import { createTeller } from './teller.ts'

function startTeller() {
  let nowMs = 1_000
  const messages: string[] = []
  const logger = createLogger({
    service: 'test',
    level: 'info',
    destination: { write: (line) => messages.push(JSON.parse(line).msg) },
  })
  const teller = createTeller<'spooling' | 'withholding'>(logger, { now: () => nowMs })
  return { teller, messages, pass: (ms: number) => (nowMs += ms) }
}

test('a condition is logged once, until it is over', () => {
  const { teller, messages, pass } = startTeller()
  for (let times = 0; times < 3; times++) {
    teller.once('spooling', 'warn', 'it spools')
    pass(60_000)
  }
  teller.over('spooling')
  teller.once('spooling', 'warn', 'it spools again')
  expect(messages).toEqual(['it spools', 'it spools again'])
})

test('the end of a condition is logged where its beginning was', () => {
  const { teller, messages } = startTeller()
  teller.over('spooling', 'it spools no more')
  teller.once('spooling', 'warn', 'it spools')
  teller.over('spooling', 'it spools no more')
  teller.over('spooling', 'it spools no more')
  expect(messages).toEqual(['it spools', 'it spools no more'])
})

test('a condition that needs an operator is logged every half minute', () => {
  const { teller, messages, pass } = startTeller()
  for (let seconds = 0; seconds < 95; seconds++) {
    teller.repeatedly('withholding', 'error', `at ${seconds}`)
    pass(1_000)
  }
  expect(messages).toEqual(['at 0', 'at 30', 'at 60', 'at 90'])
})
