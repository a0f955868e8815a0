import { until } from '@vss-pipeline/local-stack'
import {
  type BatchInHand,
  type Consumer,
  createConsumer,
  createProducer,
  openBatch,
  type Producer,
  readQueueStatus,
} from '@vss-pipeline/queue'
import { afterEach, beforeEach, describe, expect, inject, test } from 'vitest'
import { bodiesOf, freshPrefix } from '../../support/batches.ts'
import { makeDelivery } from '../../support/deliveries.ts'
import { createRecordingLogger, type RecordingLogger } from '../../support/recording-logger.ts'
import { untilConnected } from '../../support/redis-connection.ts'
import { closeIdleConsumer } from './closing.ts'
import { createGate, openAllGates } from './gate.ts'

const redisUrl = inject('redisUrl')

let prefix: string
let producer: Producer
let recording: RecordingLogger
const consumers: Consumer[] = []

beforeEach(async () => {
  prefix = freshPrefix()
  recording = createRecordingLogger()
  const { logger } = createRecordingLogger()
  producer = createProducer({ redisUrl, prefix, logger, commandTimeoutMs: 5_000 })
  await untilConnected(producer)
})

afterEach(async () => {
  openAllGates()
  await Promise.all(consumers.splice(0).map((consumer) => consumer.close()))
  await producer.shards[0]!.queue.obliterate({ force: true })
  await producer.close()
})

function consume(handle: (batch: BatchInHand) => Promise<void>, concurrency = 4): Consumer {
  const { logger } = recording
  const consumer = createConsumer({
    redisUrl,
    prefix,
    concurrency,
    logger,
    async handle(batch) {
      await handle(batch)
      return 'done'
    },
  })
  consumers.push(consumer)
  return consumer
}

async function enqueue(...bodies: string[]): Promise<void> {
  for (const body of bodies) await producer.enqueue([makeDelivery(body)])
}

async function untilJobsAre(expected: Partial<Record<string, number>>): Promise<void> {
  const counts = async () => (await readQueueStatus(producer.topology)).jobs
  await until(
    `the state ${JSON.stringify(expected)}`,
    async () => JSON.stringify(await counts()) === JSON.stringify({ ...none, ...expected }),
    { timeoutMs: 10_000 },
  )
}
const none = { waiting: 0, active: 0, delayed: 0, failed: 0 }

describe('batches', () => {
  test('are each handled once, up to the limit at a time, and leave no key behind', async () => {
    const bodies = Array.from({ length: 200 }, (_, n) => String(n))
    await enqueue(...bodies.slice(0, 100))
    const handled: string[] = []
    let [inHand, mostInHand] = [0, 0]
    consume(async (batch) => {
      mostInHand = Math.max(mostInHand, ++inHand)
      await new Promise(setImmediate)
      handled.push(...bodiesOf(batch))
      inHand--
    }, 4)
    await enqueue(...bodies.slice(100))
    await untilJobsAre(none)
    expect(handled.toSorted()).toEqual(bodies.toSorted())
    expect(mostInHand).toBeGreaterThan(1)
    expect(mostInHand).toBeLessThanOrEqual(4)
    const keys = await producer.client.keys(`${prefix}:batches:*`)
    expect(keys.filter((key) => /[0-9a-f-]{36}/.test(key.slice(prefix.length)))).toEqual([])
  })

  test('are shared by two consumers, each handled by one', async () => {
    const handled: string[] = []
    for (const name of ['a', 'b']) {
      consume(async (batch) => void handled.push(...bodiesOf(batch).map((body) => `${name}${body}`)), 1)
    }
    const bodies = Array.from({ length: 100 }, (_, n) => String(n))
    await enqueue(...bodies)
    await untilJobsAre(none)
    expect(handled.map((entry) => entry.slice(1)).toSorted()).toEqual(bodies.toSorted())
  })

  test('that are new have no stall and no trail', async () => {
    const seen: unknown[] = []
    consume(async ({ stalledBefore, trail }) => void seen.push({ stalledBefore, trail }))
    await enqueue('a')
    await untilJobsAre(none)
    expect(seen).toEqual([{ stalledBefore: false, trail: undefined }])
  })
})

describe('a fault', () => {
  test('is retried after a growing pause, until it passes, while other batches go on', async () => {
    const startedAt: number[] = []
    const others: string[] = []
    consume(async (batch) => {
      const [body] = bodiesOf(batch)
      if (body !== 'faulty') others.push(body!)
      else if (startedAt.push(performance.now()) <= 2) throw new Error('the database said no')
    })
    await enqueue('faulty', 'a', 'b')
    await untilJobsAre({ delayed: 1 })
    expect(others).toEqual(['a', 'b'])
    await untilJobsAre(none)
    const pauses = startedAt.slice(1).map((at, index) => at - startedAt[index]!)
    expect(pauses).toHaveLength(2)
    // The pauses are 400 and 800 ms. Jitter takes up to a half, and BullMQ rounds up to whole seconds.
    expect(pauses[0]).toBeGreaterThanOrEqual(195)
    expect(pauses[0]).toBeLessThan(2_000)
    expect(pauses[1]).toBeGreaterThanOrEqual(395)
    expect(pauses[1]).toBeLessThan(2_000)
    expect(recording.messages('warn')).toEqual([
      'a batch met a fault and will be retried',
      'a batch met a fault and will be retried',
    ])
  })

  test('that several batches meet in one flush is one line in the log', async () => {
    const gate = createGate()
    let attempts = 0
    const fault = new Error('deadlock detected')
    consume(async () => {
      attempts++
      if (attempts > 3) return
      if (attempts === 3) gate.open()
      await gate.passed
      throw fault
    })
    await enqueue('a', 'b', 'c')
    await untilJobsAre({ delayed: 3 })
    const warnings = recording.lines.map((line) => JSON.parse(line)).filter(({ level }) => level === 'warn')
    expect(warnings).toEqual([
      expect.objectContaining({ batches: 3, msg: 'batches met a fault and will be retried' }),
    ])
    await untilJobsAre(none)
  })

  test('is retried after a million attempts as well, within 30 s', async () => {
    await enqueue('a')
    const [job] = await producer.shards[0]!.queue.getJobs(['waiting'])
    await producer.client.hset(producer.shards[0]!.queue.toKey(job!.id!), 'atm', 1_000_000)
    consume(() => Promise.reject(new Error('still no')))
    await untilJobsAre({ delayed: 1 })
    const [delayed] = await producer.shards[0]!.queue.getJobs(['delayed'])
    expect(delayed?.attemptsMade).toBe(1_000_001)
    expect(delayed?.delay).toBeGreaterThanOrEqual(15_000)
    expect(delayed?.delay).toBeLessThanOrEqual(30_000)
  })

  test('is also a batch of a newer version, which waits for a newer worker', async () => {
    await producer.shards[0]!.queue.add('batch', { v: 4, ids: [makeDelivery().deliveryId], events: '' })
    consume(async (batch) => void batch.unpack())
    await untilJobsAre({ delayed: 1 })
  })
})

test('a foreign job is kept as failed, and the queue goes on', async () => {
  const handled: string[] = []
  consume(async (batch) => void handled.push(...bodiesOf(batch)))
  await enqueue('before')
  await producer.shards[0]!.queue.add('foreign', { hello: 'world' })
  await enqueue('after')
  await untilJobsAre({ failed: 1 })
  expect(handled.toSorted()).toEqual(['after', 'before'])
  const [failed] = await producer.shards[0]!.queue.getJobs(['failed'])
  expect(failed?.data).toEqual({ hello: 'world' })
  expect(recording.messages('error')).toEqual(['a foreign job is set aside as failed'])
})

test('a batch that its handler sets aside is kept as failed, and not tried again', async () => {
  let starts = 0
  const { logger } = recording
  const consumer = createConsumer({
    redisUrl,
    prefix,
    concurrency: 1,
    logger,
    async handle() {
      starts++
      return 'set_aside'
    },
  })
  consumers.push(consumer)
  await enqueue('unreadable')
  await untilJobsAre({ failed: 1 })
  const [failed] = await producer.shards[0]!.queue.getJobs(['failed'])
  expect(bodiesOf(openBatch(failed?.data))).toEqual(['unreadable'])
  expect(starts).toBe(1)
  expect(recording.messages('error')).toEqual([
    'a batch could not be read: accounted for, and set aside as failed',
  ])
})

test('a trail is kept with the batch, for the next try', async () => {
  const trails: unknown[] = []
  consume(async ({ trail, saveTrail }) => {
    if (trails.push(trail) === 1) {
      await saveTrail({ suspect: 'batch', starts: 1 })
      throw new Error('once')
    }
  })
  await enqueue('a')
  await untilJobsAre(none)
  expect(trails).toEqual([undefined, { suspect: 'batch', starts: 1 }])
})

describe('close', () => {
  test('waits for the batches in hand, and takes no more', async () => {
    const gate = createGate()
    const handled: string[] = []
    const consumer = consume(async (batch) => {
      await gate.passed
      handled.push(...bodiesOf(batch))
    }, 2)
    await enqueue('a', 'b', 'c', 'd')
    await untilJobsAre({ active: 2, waiting: 2 })
    let closed = false
    const closing = consumer.close().then(() => (closed = true))
    await closeIdleConsumer(redisUrl)
    expect(closed).toBe(false)
    gate.open()
    await closing
    expect(handled).toEqual(['a', 'b'])
    await untilJobsAre({ waiting: 2 })
  })

  test('puts a batch back whose handler throws, without an attempt and without a pause', async () => {
    const gate = createGate()
    const consumer = consume(async () => {
      await gate.passed
      throw new Error('the worker stops')
    })
    await enqueue('a', 'b')
    await untilJobsAre({ active: 2 })
    const closing = consumer.close()
    gate.open()
    await closing
    await untilJobsAre({ waiting: 2 })
    for (const job of await producer.shards[0]!.queue.getJobs(['waiting'])) expect(job.attemptsMade).toBe(0)
    const again: boolean[] = []
    consume(async ({ stalledBefore }) => void again.push(stalledBefore))
    await untilJobsAre(none)
    expect(again).toEqual([false, false])
  })

  test('of an idle consumer returns at once, and may be repeated', async () => {
    const consumer = consume(async () => undefined)
    await untilConnected(consumer)
    const startedAt = performance.now()
    await Promise.all([consumer.close(), consumer.close()])
    expect(performance.now() - startedAt).toBeLessThan(2_000)
  })
})
