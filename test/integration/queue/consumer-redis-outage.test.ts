import { until } from '@vss-pipeline/local-stack'
import { type Consumer, createConsumer, createProducer, type Producer } from '@vss-pipeline/queue'
import { afterEach, beforeEach, expect, onTestFinished, test, vi } from 'vitest'
import { bodiesOf, freshPrefix, makeDelivery } from './batches.ts'
import { createGate, openAllGates } from './gate.ts'
import { startOwnRedis } from './own-redis.ts'
import { createRecordingLogger, type RecordingLogger } from './recording-logger.ts'

const redis = await startOwnRedis()

let prefix: string
let producer: Producer
let recording: RecordingLogger
let handled: string[]
const consumers: Consumer[] = []

beforeEach(() => {
  prefix = freshPrefix()
  handled = []
  recording = createRecordingLogger()
  const { logger } = createRecordingLogger()
  producer = createProducer({ redisUrl: redis.url, prefix, logger, commandTimeoutMs: 1_000 })
})

afterEach(async () => {
  openAllGates()
  await Promise.all(consumers.splice(0).map((consumer) => consumer.close()))
  await producer.close()
})

function consume(hold: Promise<void> = Promise.resolve()): Consumer {
  const consumer = createConsumer({
    redisUrl: redis.url,
    prefix,
    concurrency: 4,
    logger: recording.logger,
    async handle({ payload }) {
      await hold
      handled.push(...bodiesOf(payload))
    },
  })
  consumers.push(consumer)
  return consumer
}

async function enqueue(body: string): Promise<void> {
  const taken = () =>
    producer.enqueue([makeDelivery(body)]).then(
      () => true,
      () => false,
    )
  await until('an enqueue', taken, { timeoutMs: 5_000 })
}

async function untilHandled(bodies: string[]): Promise<void> {
  await until(`the handling of ${bodies}`, () => bodies.every((body) => handled.includes(body)), {
    timeoutMs: 10_000,
  })
}

async function untilDone(): Promise<void> {
  const isDone = async () => {
    const { waiting, active, delayed } = await producer.queue.getJobCounts('waiting', 'active', 'delayed')
    return waiting === 0 && active === 0 && delayed === 0
  }
  await until('an empty queue', isDone, { timeoutMs: 10_000 })
}

test('a consumer goes on by itself after a restart of Redis', async () => {
  consume()
  await enqueue('before')
  await untilHandled(['before'])
  await redis.stop()
  await redis.start()
  await enqueue('after')
  await untilHandled(['after'])
  await untilDone()
  expect(handled).toEqual(['before', 'after'])
  expect(recording.messages()).toEqual(['connected to Redis', 'Redis is away, reconnecting', 'Redis is back'])
})

test('a batch that was in hand during the restart is done once Redis is back, and is not lost', async () => {
  const gate = createGate()
  consume(gate.passed)
  await enqueue('in hand')
  await until('its start', async () => (await producer.queue.getActiveCount()) === 1, { timeoutMs: 5_000 })
  await redis.kill()
  gate.open()
  await untilHandled(['in hand'])
  await redis.start()
  await enqueue('after')
  await untilHandled(['after'])
  await untilDone()
})

test('a consumer that starts while Redis is away begins when it comes', async () => {
  await enqueue('waits')
  await redis.stop()
  onTestFinished(() => redis.start())
  consume()
  await until('the log', () => recording.messages('warn').length > 0, { timeoutMs: 2_000 })
  await redis.start()
  await untilHandled(['waits'])
})

test('a consumer closes at once while Redis is away', async () => {
  const consumer = consume()
  await until('the connection', () => consumer.client.status === 'ready', { timeoutMs: 5_000 })
  await redis.stop()
  onTestFinished(() => redis.start())
  await until('the loss', () => consumer.client.status !== 'ready', { timeoutMs: 2_000 })
  const startedAt = performance.now()
  await consumer.close()
  expect(performance.now() - startedAt).toBeLessThan(2_000)
})

test('an outage is one warning in the log, and nothing past it on the console', async () => {
  const onConsole = vi.spyOn(console, 'error').mockImplementation(() => undefined)
  onTestFinished(() => onConsole.mockRestore())
  const consumer = consume()
  await until('the connection', () => consumer.client.status === 'ready', { timeoutMs: 5_000 })
  await redis.stop()
  onTestFinished(() => redis.start())
  let attempts = 0
  consumer.client.on('close', () => attempts++)
  await until('several attempts to reconnect', () => attempts > 5, { timeoutMs: 10_000 })
  expect(recording.messages('warn')).toEqual(['Redis is away, reconnecting'])
  expect(onConsole.mock.calls).toEqual([])
})
