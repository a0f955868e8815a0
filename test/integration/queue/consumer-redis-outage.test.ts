import { once } from 'node:events'
import { setTimeout as pause } from 'node:timers/promises'
import { until } from '@vss-pipeline/local-stack'
import { type Consumer, createConsumer, createProducer, type Producer } from '@vss-pipeline/queue'
import { afterEach, beforeEach, expect, onTestFinished, test, vi } from 'vitest'
import { bodiesOf, freshPrefix } from '../../support/batches.ts'
import { killBlockingClient } from '../../support/blocking-client.ts'
import { makeDelivery } from '../../support/deliveries.ts'
import { startOwnRedis } from '../../support/own-redis.ts'
import { createRecordingLogger, type RecordingLogger } from '../../support/recording-logger.ts'
import { untilConnected, untilConnectionLost } from '../../support/redis-connection.ts'
import { openTcpProxy } from '../../support/tcp-proxy.ts'
import { createGate, openAllGates } from './gate.ts'

const redis = await startOwnRedis()

let prefix: string
let producer: Producer
let recording: RecordingLogger
let started: string[]
let handled: string[]
const consumers: Consumer[] = []

beforeEach(() => {
  prefix = freshPrefix()
  started = []
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

function consume(
  hold: Promise<void> = Promise.resolve(),
  options: { redisUrl?: string; lockDurationMs?: number; stalledIntervalMs?: number } = {},
): Consumer {
  const consumer = createConsumer({
    redisUrl: redis.url,
    ...options,
    prefix,
    concurrency: 4,
    logger: recording.logger,
    async handle(batch) {
      started.push(...bodiesOf(batch))
      await hold
      handled.push(...bodiesOf(batch))
      return 'done'
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
    timeoutMs: 15_000,
  })
}

/** Lets Redis refuse new connections. Open connections stay. */
async function refuseConnections(): Promise<void> {
  await redis.client.config('SET', 'maxclients', '1')
  onTestFinished(async () => void (await redis.client.config('SET', 'maxclients', '1000')))
}

/** Waits until Redis has refused `count` more connections. */
async function untilRefused(count: number): Promise<void> {
  const refused = async () =>
    Number(/^rejected_connections:(\d+)/m.exec(await redis.client.info('stats'))?.[1])
  const before = await refused()
  await until(`${count} refused connections`, async () => (await refused()) >= before + count, {
    timeoutMs: 10_000,
  })
}

async function untilDone(): Promise<void> {
  const isDone = async () => {
    const { waiting, active, delayed } = await producer.shards[0]!.queue.getJobCounts(
      'waiting',
      'active',
      'delayed',
    )
    return waiting === 0 && active === 0 && delayed === 0
  }
  await until('an empty queue', isDone, { timeoutMs: 10_000 })
}

test('a consumer goes on by itself after a restart of Redis', async () => {
  consume()
  await enqueue('before')
  await untilHandled(['before'])
  await redis.stop()
  onTestFinished(redis.start)
  await redis.start()
  await enqueue('after')
  await untilHandled(['after'])
  await untilDone()
  expect(handled).toEqual(['before', 'after'])
  await until('the log of its return', () => recording.messages().length === 3, { timeoutMs: 5_000 })
  expect(recording.messages()).toEqual(['connected to Redis', 'Redis is away, reconnecting', 'Redis is back'])
})

test('a batch that was in hand when Redis was killed is done once Redis is back', async () => {
  const gate = createGate()
  consume(gate.passed)
  await enqueue('in hand')
  await until('its start', () => started.includes('in hand'), { timeoutMs: 5_000 })
  await redis.kill()
  onTestFinished(redis.start)
  gate.open()
  await untilHandled(['in hand'])
  await redis.start()
  await enqueue('after')
  await untilHandled(['after'])
  await untilDone()
})

test('a consumer that starts while Redis is away begins when Redis starts', async () => {
  await enqueue('waits')
  await redis.stop()
  onTestFinished(redis.start)
  consume()
  await until('the log', () => recording.messages('warn').length > 0, { timeoutMs: 2_000 })
  await redis.start()
  await untilHandled(['waits'])
})

test('a consumer closes at once while Redis is away', async () => {
  const consumer = consume()
  await untilConnected(consumer)
  await redis.stop()
  onTestFinished(redis.start)
  await untilConnectionLost(consumer)
  const startedAt = performance.now()
  await consumer.close()
  expect(performance.now() - startedAt).toBeLessThan(2_000)
})

test('a consumer closes at once while only its blocking connection is away, and the batch in hand is done', async () => {
  const gate = createGate()
  const consumer = consume(gate.passed)
  await enqueue('in hand')
  await until('its start', () => started.includes('in hand'), { timeoutMs: 5_000 })
  await refuseConnections()
  await killBlockingClient(redis.client, prefix)
  // After several attempts, the wait before the next one is long.
  await untilRefused(4)

  const startedAt = performance.now()
  const closed = consumer.close()
  gate.open()
  await closed

  expect(performance.now() - startedAt).toBeLessThan(2_000)
  expect(handled).toEqual(['in hand'])
  await untilDone()
})

test('a consumer that closes while it reconnects finishes the batch in hand or puts it back', async () => {
  const gate = createGate()
  const consumer = consume(gate.passed)
  await enqueue('in hand')
  await until('its start', () => started.includes('in hand'), { timeoutMs: 5_000 })
  const lost = once(consumer.client, 'close')
  await redis.client.client('KILL', 'TYPE', 'NORMAL')
  await lost

  const startedAt = performance.now()
  const closed = consumer.close()
  gate.open()
  await closed

  expect(performance.now() - startedAt).toBeLessThan(2_000)
  // A batch that is still active would stall for 10 s or more.
  await untilConnected(producer)
  expect(await producer.shards[0]!.queue.getActiveCount()).toBe(0)
})

test('a consumer closes in seconds when Redis stops during the close', async () => {
  const gate = createGate()
  const consumer = consume(gate.passed)
  await enqueue('in hand')
  await until('its start', () => started.includes('in hand'), { timeoutMs: 5_000 })
  const closed = consumer.close()
  await redis.stop()
  onTestFinished(redis.start)
  const startedAt = performance.now()
  await closed

  expect(performance.now() - startedAt).toBeLessThan(2_000)
})

test('a command that waits for its answer is rejected when a consumer closes without Redis', async () => {
  const consumer = consume()
  await untilConnected(consumer)
  await redis.stop()
  onTestFinished(redis.start)
  await untilConnectionLost(consumer)
  const answer = expect(consumer.client.ping()).rejects.toThrow('Connection is closed.')

  await consumer.close()

  await answer
})

test('an idle consumer closes in seconds while Redis hangs', async () => {
  const consumer = consume()
  await untilConnected(consumer)
  redis.freeze()
  onTestFinished(redis.thaw)
  const startedAt = performance.now()
  await consumer.close()

  expect(performance.now() - startedAt).toBeLessThan(4_000)
})

test('a consumer with a batch in hand closes in seconds while Redis hangs', async () => {
  const gate = createGate()
  const consumer = consume(gate.passed)
  await enqueue('in hand')
  await until('its start', () => started.includes('in hand'), { timeoutMs: 5_000 })
  redis.freeze()
  onTestFinished(redis.thaw)
  const startedAt = performance.now()
  const closed = consumer.close()
  gate.open()
  await closed

  expect(performance.now() - startedAt).toBeLessThan(7_000)
})

test('a batch in hand while Redis hangs for longer than its lock is done, at most twice', async () => {
  const gate = createGate()
  consume(gate.passed, { lockDurationMs: 500, stalledIntervalMs: 250 })
  await enqueue('in hand')
  await until('its start', () => started.includes('in hand'), { timeoutMs: 5_000 })
  redis.freeze()
  onTestFinished(redis.thaw)
  // Its lock expires by the clock.
  await pause(1_000)
  redis.thaw()
  gate.open()
  await enqueue('after')
  await untilHandled(['in hand', 'after'])
  await untilDone()
  expect(await producer.shards[0]!.queue.getFailedCount()).toBe(0)
  expect(handled.filter((body) => body === 'in hand').length).toBeLessThanOrEqual(2)
})

test('a consumer notices a connection that has fallen silent, and opens another', async () => {
  const proxy = await openTcpProxy(redis.url)
  consume(undefined, { redisUrl: proxy.url, lockDurationMs: 500, stalledIntervalMs: 500 })
  await enqueue('before')
  await untilHandled(['before'])
  proxy.abandon()
  await enqueue('after')
  await untilHandled(['after'])
})

test('a consumer asks a Redis without memory again after pauses, and goes on when there is room', async () => {
  await enqueue('waits')
  await redis.client.config('SET', 'maxmemory', '1')
  onTestFinished(async () => void (await redis.client.config('SET', 'maxmemory', '0')))
  consume()
  const refusals = () => recording.messages('warn').length
  await until('a refusal', () => refusals() > 0, { timeoutMs: 10_000 })
  const firstAt = performance.now()
  await until('more refusals', () => refusals() >= 6, { timeoutMs: 20_000 })
  expect(performance.now() - firstAt).toBeGreaterThan(2_000)
  expect(handled).toEqual([])
  await redis.client.config('SET', 'maxmemory', '0')
  await untilHandled(['waits'])
})

test('a batch that ends after its consumer closed without Redis logs no error', async () => {
  const gate = createGate()
  const consumer = consume(gate.passed)
  await enqueue('in hand')
  await until('its start', () => started.includes('in hand'), { timeoutMs: 5_000 })
  await redis.stop()
  onTestFinished(redis.start)
  await untilConnectionLost(consumer)
  await consumer.close()
  gate.open()
  await untilHandled(['in hand'])
  await new Promise(setImmediate)
  expect(recording.messages('error')).toEqual([])
})

test('an outage is one warning in the log, and nothing on the console', async () => {
  const onConsole = vi.spyOn(console, 'error').mockImplementation(() => undefined)
  onTestFinished(() => onConsole.mockRestore())
  const consumer = consume()
  await untilConnected(consumer)
  await redis.stop()
  onTestFinished(redis.start)
  let attempts = 0
  consumer.client.on('close', () => attempts++)
  await until('several attempts to reconnect', () => attempts > 5, { timeoutMs: 10_000 })
  expect(recording.messages('warn')).toEqual(['Redis is away, reconnecting'])
  expect(onConsole.mock.calls).toEqual([])
})
