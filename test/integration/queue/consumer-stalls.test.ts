import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as pause } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { isDeepStrictEqual } from 'node:util'
import { until } from '@vss-pipeline/local-stack'
import {
  type BatchInHand,
  type Consumer,
  createConsumer,
  createProducer,
  type Producer,
  readQueueStatus,
} from '@vss-pipeline/queue'
import { afterEach, beforeEach, expect, inject, test } from 'vitest'
import { bodiesOf, freshPrefix } from '../../support/batches.ts'
import { makeDelivery } from '../../support/deliveries.ts'
import { createRecordingLogger, type RecordingLogger } from '../../support/recording-logger.ts'
import { untilConnected } from '../../support/redis-connection.ts'
import { closeIdleConsumer } from './closing.ts'
import { createGate, openAllGates } from './gate.ts'

const redisUrl = inject('redisUrl')
const program = fileURLToPath(new URL('worker-that-hangs.ts', import.meta.url))
/** The locks of a worker that is killed expire so soon; test/faults waits as long as a real worker would. */
const victimLockMs = 600

let prefix: string
let producer: Producer
let recording: RecordingLogger
const consumers: Consumer[] = []
const children: ChildProcess[] = []

beforeEach(async () => {
  prefix = freshPrefix()
  recording = createRecordingLogger()
  const { logger } = createRecordingLogger()
  producer = createProducer({ redisUrl, prefix, logger, commandTimeoutMs: 5_000 })
  await untilConnected(producer)
})

afterEach(async () => {
  openAllGates()
  for (const child of children.splice(0)) child.kill('SIGKILL')
  await Promise.all(consumers.splice(0).map((consumer) => consumer.close()))
  await producer.shards[0]!.queue.obliterate({ force: true })
  await producer.close()
})

async function enqueue(...bodies: string[]): Promise<void> {
  for (const body of bodies) await producer.enqueue([makeDelivery(body)])
}

/** Its own locks last as those of a real worker, or it would take what it has in hand for stalled when it is slow. */
function consume(handle: (batch: BatchInHand) => Promise<void>): Consumer {
  const { logger } = recording
  const consumer = createConsumer({
    redisUrl,
    prefix,
    concurrency: 4,
    logger,
    async handle(batch) {
      await handle(batch)
      return 'done'
    },
    stalledIntervalMs: 300,
  })
  consumers.push(consumer)
  return consumer
}

/** Starts a worker process that takes the waiting batches, and kills it while it has them in hand. */
async function killWorkerWith(bodies: string[]): Promise<void> {
  await enqueue(...bodies)
  const env = {
    ...process.env,
    REDIS_URL: redisUrl,
    QUEUE_PREFIX: prefix,
    CONCURRENCY: String(bodies.length),
    LOCK_DURATION_MS: String(victimLockMs),
  }
  const child = spawn(process.execPath, [program], { env, stdio: ['ignore', 'pipe', 'inherit'] })
  children.push(child)
  let output = ''
  child.stdout.on('data', (chunk) => (output += chunk))
  const hasAll = () => output.split('in hand').length > bodies.length
  await until('the taking', hasAll, { timeoutMs: 10_000 })
  child.kill('SIGKILL')
  await once(child, 'exit')
}

async function untilEmpty(): Promise<void> {
  const isEmpty = async () => {
    const { jobs } = await readQueueStatus(producer.topology)
    return Object.values(jobs).every((count) => count === 0)
  }
  await until('an empty queue', isEmpty, { timeoutMs: 20_000 })
}

/** The number of times that each waiting batch has been taken. */
async function startsOfWaiting(): Promise<number[]> {
  const jobs = await producer.shards[0]!.queue.getJobs(['waiting'])
  return jobs.map(({ attemptsStarted }) => attemptsStarted)
}

test('the batch of a killed worker runs again, with its stall and its trail', async () => {
  await killWorkerWith(['victim'])
  const seen: unknown[] = []
  consume(async ({ stalledBefore, trail, ...batch }) => {
    seen.push({ bodies: bodiesOf(batch), stalledBefore, trail })
  })
  await until('its second start', () => seen.length > 0, { timeoutMs: 10_000 })
  expect(seen).toEqual([{ bodies: ['victim'], stalledBefore: true, trail: { suspect: 'batch', starts: 1 } }])
  await untilEmpty()
})

test('a batch that stalled before runs alone', async () => {
  await killWorkerWith(['victim'])
  const othersGate = createGate()
  const victimGate = createGate()
  const inHand = new Set<string>()
  const besideVictim = new Set<string>()
  const handled: string[] = []
  const stalled: string[] = []
  consume(async ({ stalledBefore, ...batch }) => {
    const [body] = bodiesOf(batch) as [string]
    inHand.add(body)
    if (inHand.has('victim')) for (const other of inHand) besideVictim.add(other)
    if (stalledBefore) stalled.push(body)
    await (body === 'victim' ? victimGate.passed : othersGate.passed)
    inHand.delete(body)
    handled.push(body)
  })
  await enqueue('a', 'b')
  await until('the others in hand', () => inHand.size === 2, { timeoutMs: 5_000 })
  const warning = 'batches stalled: their worker did not answer'
  await until('the stall', () => recording.messages('warn').includes(warning), { timeoutMs: 10_000 })
  await enqueue('c', 'd')
  // The victim waits for the batches in hand. New ones go back to the queue.
  await until(
    'their return to the queue',
    async () => (await producer.shards[0]!.queue.getWaitingCount()) === 2,
    {
      timeoutMs: 5_000,
    },
  )
  expect([...inHand].toSorted()).toEqual(['a', 'b'])

  othersGate.open()
  await until('the victim in hand', () => inHand.has('victim'), { timeoutMs: 5_000 })
  await enqueue('e')
  await until(
    'a third batch that waits',
    async () => (await producer.shards[0]!.queue.getWaitingCount()) === 3,
    {
      timeoutMs: 5_000,
    },
  )
  expect([...inHand]).toEqual(['victim'])
  // Waiting batches are not taken and put back again and again.
  const starts = await startsOfWaiting()
  // Nothing tells that it is left alone: to take it and hand it back would take milliseconds.
  await pause(200)
  expect(await startsOfWaiting()).toEqual(starts)

  victimGate.open()
  await untilEmpty()
  expect(stalled).toEqual(['victim'])
  expect([...besideVictim]).toEqual(['victim'])
  expect(handled.slice(0, 3).toSorted()).toEqual(['a', 'b', 'victim'])
  expect(handled.toSorted()).toEqual(['a', 'b', 'c', 'd', 'e', 'victim'])
})

test('several that stalled run one after the other, and none goes back to the queue', async () => {
  const victims = ['a', 'b', 'c']
  await killWorkerWith(victims)
  const gates = victims.map(() => createGate())
  const handled: string[] = []
  let [begun, mostInHand] = [0, 0]
  consume(async (batch) => {
    mostInHand = Math.max(mostInHand, begun - handled.length + 1)
    await gates[begun++]!.passed
    handled.push(...bodiesOf(batch))
  })
  const startsInHand = async () =>
    (await producer.shards[0]!.queue.getJobs(['active'])).map(({ attemptsStarted }) => attemptsStarted)
  for (const [index, gate] of gates.entries()) {
    await until('the next', () => begun === index + 1, { timeoutMs: 10_000 })
    // Each was taken once by the worker that was killed, and once by this one.
    const expected = victims.slice(index).map(() => 2)
    await until('all that are left in hand', async () => isDeepStrictEqual(await startsInHand(), expected), {
      timeoutMs: 5_000,
    })
    gate.open()
  }
  await untilEmpty()
  expect(handled.toSorted()).toEqual(victims)
  expect(mostInHand).toBe(1)
})

test('a close puts batches back that stalled before and still wait for their turn', async () => {
  await killWorkerWith(['a', 'b', 'c'])
  const gate = createGate()
  const begun: string[] = []
  const consumer = consume(async (batch) => {
    begun.push(...bodiesOf(batch))
    await gate.passed
  })
  await until('the first', () => begun.length === 1, { timeoutMs: 10_000 })
  const closed = consumer.close()
  gate.open()
  await closed
  expect(begun).toHaveLength(1)
  const { jobs } = await readQueueStatus(producer.topology)
  expect(jobs).toMatchObject({ waiting: 2, active: 0, delayed: 0 })
})

test('a batch may stall any number of times', async () => {
  await killWorkerWith(['victim'])
  const [job] = await producer.shards[0]!.queue.getJobs(['active'])
  await producer.client.hset(producer.shards[0]!.queue.toKey(job!.id!), 'stc', 1_000_000)
  const handled: string[] = []
  consume(async (batch) => void handled.push(...bodiesOf(batch)))
  await until('its start', () => handled.length > 0, { timeoutMs: 10_000 })
  await untilEmpty()
  expect(handled).toEqual(['victim'])
})

test('a batch that runs alone is retried alone after a fault, and others run in between', async () => {
  await killWorkerWith(['victim'])
  const log: string[] = []
  consume(async ({ stalledBefore, ...batch }) => {
    const [body] = bodiesOf(batch)
    if (log.push(`${body}${stalledBefore ? ' alone' : ''}`) === 1) throw new Error('a passing fault')
  })
  await until('the fault', () => log.length === 1, { timeoutMs: 10_000 })
  await enqueue('other')
  await untilEmpty()
  expect(log.toSorted()).toEqual(['other', 'victim alone', 'victim alone'])
})

test('a consumer that closes while a batch runs alone waits for it', async () => {
  await killWorkerWith(['victim'])
  const gate = createGate()
  const log: string[] = []
  const consumer = consume(async () => {
    log.push('started')
    await gate.passed
    log.push('ended')
  })
  await until('its start', () => log.length > 0, { timeoutMs: 10_000 })
  const closing = consumer.close().then(() => log.push('closed'))
  await closeIdleConsumer(redisUrl)
  gate.open()
  await closing
  expect(log).toEqual(['started', 'ended', 'closed'])
  await untilEmpty()
})
