import { createLogger } from '@vss-pipeline/runtime/service'
import { expect, test } from 'vitest'
import { createTeller } from './teller.ts'

function startTeller() {
  let nowMs = 1_000
  const messages: string[] = []
  const logger = createLogger({
    service: 'test',
    level: 'info',
    destination: { write: (line) => messages.push(JSON.parse(line).msg) },
  })
  const teller = createTeller({ logger, now: () => nowMs })
  return { teller, messages, pass: (ms: number) => (nowMs += ms) }
}

test('what comes about is told once, until it is over', () => {
  const { teller, messages, pass } = startTeller()
  for (let times = 0; times < 3; times++) {
    teller.once('spooling', 'warn', 'it spools')
    pass(60_000)
  }
  teller.forget('spooling')
  teller.once('spooling', 'warn', 'it spools again')
  expect(messages).toEqual(['it spools', 'it spools again'])
})

test('what needs a hand is told every half minute', () => {
  const { teller, messages, pass } = startTeller()
  for (let seconds = 0; seconds < 95; seconds++) {
    teller.repeatedly('withholding', 'error', `at ${seconds}`)
    pass(1_000)
  }
  expect(messages).toEqual(['at 0', 'at 30', 'at 60', 'at 90'])
})
