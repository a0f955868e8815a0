import { expect, it } from 'vitest'
import type { Answer } from './post.ts'
import { postAll } from './run.ts'
import { createTally } from './tally.ts'

const acknowledged: Answer = { status: 200, code: null, deliveryId: '01a2031c-3673-77d7-a414-7c75df50371e' }
const unavailable: Answer = { status: 503, code: 'unavailable', deliveryId: null }
const refused: Answer = { status: null, code: 'ECONNREFUSED', deliveryId: null }

it('posts every body once, and never more than the limit at a time', async () => {
  const posted: number[] = []
  let atATime = 0
  let mostAtATime = 0
  const { gaveUpFor, tally } = await run({
    count: 50,
    concurrency: 4,
    async post(body) {
      atATime++
      mostAtATime = Math.max(mostAtATime, atATime)
      await new Promise((resolve) => setImmediate(resolve))
      atATime--
      posted.push(body[0]!)
      return acknowledged
    },
  })
  expect(posted.sort((a, b) => a - b)).toEqual(Array.from({ length: 50 }, (_, number) => number))
  expect(mostAtATime).toBe(4)
  expect(tally).toMatchObject({ posted: 50, acknowledged: 50 })
  expect(gaveUpFor).toBeNull()
})

it('gives up at the first post without an answer when none ever came', async () => {
  const { gaveUpFor, tally } = await run({ count: 100, concurrency: 4, post: async () => refused })
  expect(gaveUpFor).toBe('ECONNREFUSED')
  expect(tally.posted).toBe(4)
})

it('goes on through an outage, but not for ever', async () => {
  const answers = [acknowledged, ...Array(19).fill(refused), acknowledged, ...Array(100).fill(refused)]
  const { gaveUpFor, tally } = await run({ count: 200, concurrency: 2, post: async () => answers.shift() })
  expect(gaveUpFor).toBe('ECONNREFUSED')
  expect(tally.acknowledged).toBe(2)
  expect(tally.posted).toBeLessThanOrEqual(21 + 20 + 1)
})

it('never gives up while answers come, of any status', async () => {
  const { gaveUpFor, tally } = await run({ count: 100, concurrency: 4, post: async () => unavailable })
  expect(gaveUpFor).toBeNull()
  expect(tally).toMatchObject({ posted: 100, acknowledged: 0 })
})

it('ends when it is stopped, after the posts under way', async () => {
  const stop = new AbortController()
  const { gaveUpFor, tally } = await run({
    count: 100,
    concurrency: 4,
    stop,
    async post() {
      stop.abort()
      return acknowledged
    },
  })
  expect(gaveUpFor).toBeNull()
  expect(tally.posted).toBeLessThanOrEqual(4)
})

it('passes an unexpected error on, and stops', async () => {
  const stop = new AbortController()
  const running = run({
    count: 100,
    concurrency: 4,
    stop,
    async post() {
      throw new Error('a bug')
    },
  })
  await expect(running).rejects.toThrow('a bug')
  expect(stop.signal.aborted).toBe(true)
})

async function run(options: {
  count: number
  concurrency: number
  post: (body: Uint8Array) => Promise<Answer>
  stop?: AbortController
}) {
  const { count, stop = new AbortController() } = options
  const tally = createTally()
  const gaveUpFor = await postAll({
    ...options,
    bodies: Array.from({ length: count }, (_, number) => Uint8Array.of(number)).values(),
    waitForTurn: async () => !stop.signal.aborted,
    tally,
    onAnswer() {},
    stop,
  })
  return { gaveUpFor, tally }
}
