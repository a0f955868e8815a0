import type { Socket } from 'node:net'
import { isDeliveryId } from '@vss-pipeline/delivery'
import { until } from '@vss-pipeline/local-stack'
import { createProducer, openBatch, type Producer, QueueUnavailableError } from '@vss-pipeline/queue'
import type { Redis } from 'ioredis'
import { afterEach, beforeEach, describe, expect, onTestFinished, test } from 'vitest'
import { bodiesOf, freshPrefix } from '../../support/batches.ts'
import { makeDelivery } from '../../support/deliveries.ts'
import { idleProbeMs, tellsOfProbes } from '../../support/keepalive.ts'
import { startOwnRedis } from '../../support/own-redis.ts'
import { createRecordingLogger, type RecordingLogger } from '../../support/recording-logger.ts'
import { untilConnected, untilConnectionLost } from '../../support/redis-connection.ts'

const redis = await startOwnRedis()
const replica = await startOwnRedis()
const commandTimeoutMs = 300

let recording: RecordingLogger
beforeEach(() => {
  recording = createRecordingLogger()
})

const producers: Producer[] = []
afterEach(async () => {
  await Promise.all(producers.splice(0).map((producer) => producer.close()))
})

function openProducer(prefix = freshPrefix()): Producer {
  const { logger } = recording
  const producer = createProducer({ redisUrl: redis.url, prefix, logger, commandTimeoutMs })
  producers.push(producer)
  return producer
}

async function openReadyProducer(prefix?: string): Promise<Producer> {
  const producer = openProducer(prefix)
  await untilItTakes(producer)
  await producer.shards[0]!.queue.obliterate()
  return producer
}

async function untilItTakes(producer: Producer, timeoutMs = 5_000): Promise<void> {
  const takes = () =>
    producer.enqueue([makeDelivery('probe')]).then(
      () => true,
      () => false,
    )
  await until('an enqueue', takes, { timeoutMs })
}

/** Enqueues. @returns the error, and the time until it came. */
async function failureOf(producer: Producer): Promise<{ error: unknown; tookMs: number }> {
  const startedAt = performance.now()
  try {
    await producer.enqueue([makeDelivery()])
  } catch (error) {
    return { error, tookMs: performance.now() - startedAt }
  }
  throw new Error('it was enqueued')
}

describe('a batch', () => {
  test('is one job under a new UUIDv7, with the whole deliveries', async () => {
    const producer = await openReadyProducer()
    const sent = [makeDelivery('{"a":1}'), { ...makeDelivery('b'), sourceIp: '2001:db8::1' }]
    await producer.enqueue(sent)
    await producer.enqueue(sent)
    const jobs = await producer.shards[0]!.queue.getJobs(['waiting'])
    expect(jobs).toHaveLength(2)
    for (const job of jobs) {
      expect(job.id).toSatisfy(isDeliveryId)
      expect(openBatch(job.data).unpack()).toEqual(sent)
    }
    expect(new Set(jobs.map(({ id }) => id)).size).toBe(2)
  })

  test('is retried without end', async () => {
    const producer = await openReadyProducer()
    await producer.enqueue([makeDelivery()])
    const [job] = await producer.shards[0]!.queue.getJobs(['waiting'])
    expect(job?.opts.attempts).toBe(2 ** 31 - 1)
    expect(job?.opts.removeOnFail).toBeUndefined()
  })

  test('writes no key outside the prefix', async () => {
    await redis.client.flushall()
    const producer = openProducer('{vss}')
    await untilItTakes(producer)
    const keys = await redis.client.keys('*')
    expect(keys).toContain('{vss}:batches:wait')
    expect(keys.filter((key) => !key.startsWith('{vss}:'))).toEqual([])
  })

  test('that was acknowledged survives a power cut of Redis', async () => {
    const producer = await openReadyProducer()
    const acknowledged: string[] = []
    for (let n = 0; n < 50; n++) {
      await producer.enqueue([makeDelivery(String(n))])
      acknowledged.push(String(n))
    }
    await redis.kill()
    onTestFinished(redis.start)
    await redis.start()
    await untilItTakes(producer)
    const jobs = await producer.shards[0]!.queue.getJobs(['waiting'])
    const kept = jobs.flatMap(({ data }) => bodiesOf(openBatch(data))).filter((body) => body !== 'probe')
    expect(kept.toSorted()).toEqual(acknowledged.toSorted())
  })
})

describe('while Redis is away', () => {
  test('from the start, an enqueue fails at once, and works within 2 s of its start', async () => {
    await redis.stop()
    onTestFinished(redis.start)
    const producer = openProducer()
    for (let n = 0; n < 3; n++) {
      const { error, tookMs } = await failureOf(producer)
      expect(error).toBeInstanceOf(QueueUnavailableError)
      expect(error).toMatchObject({ code: 'queue_unavailable' })
      expect(tookMs).toBeLessThan(100)
    }
    await expect(producer.client.ping(), 'the check of readiness').rejects.toThrow()
    await until('the log', () => recording.messages('warn').length > 0, { timeoutMs: 2_000 })
    await redis.start()
    await untilItTakes(producer, 2_000)
    expect(recording.messages('warn')).toEqual(['Redis is away, reconnecting'])
    await until('the log of its return', () => recording.messages('info').length > 0, { timeoutMs: 5_000 })
    expect(recording.messages('info')).toEqual(['Redis is back'])
  })

  test('the log says why, also where the error has a code and no message', async () => {
    const producer = await openReadyProducer()
    // The error of connecting to "localhost" where that is both ::1 and 127.0.0.1.
    const refused = Object.assign(new AggregateError([], ''), { code: 'ECONNREFUSED' })
    producer.client.emit('error', refused)
    expect(JSON.parse(recording.lines.at(-1)!)).toMatchObject({
      msg: 'Redis is away, reconnecting',
      reason: 'ECONNREFUSED',
    })
  })

  test('after a connection, an enqueue fails at once, and works within 2 s of its return', async () => {
    const producer = await openReadyProducer()
    await redis.stop()
    onTestFinished(redis.start)
    await untilConnectionLost(producer)
    const { error, tookMs } = await failureOf(producer)
    expect(error).toBeInstanceOf(QueueUnavailableError)
    expect(tookMs).toBeLessThan(100)
    await redis.start()
    await untilItTakes(producer, 2_000)
  })

  test('a producer closes at once', async () => {
    const producer = await openReadyProducer()
    await redis.stop()
    onTestFinished(redis.start)
    const startedAt = performance.now()
    await producer.close()
    expect(performance.now() - startedAt).toBeLessThan(1_000)
    expect((await failureOf(producer)).error).toBeInstanceOf(QueueUnavailableError)
  })
})

describe('while Redis hangs', () => {
  test('an enqueue fails within the command timeout, and works within 2 s of its return', async () => {
    const producer = await openReadyProducer()
    redis.freeze()
    onTestFinished(redis.thaw)
    for (let n = 0; n < 2; n++) {
      const { error, tookMs } = await failureOf(producer)
      expect(error).toBeInstanceOf(QueueUnavailableError)
      expect(tookMs).toBeLessThan(commandTimeoutMs + 200)
    }
    redis.thaw()
    await untilItTakes(producer, 2_000)
  })

  test('for long, an enqueue fails at once, and works within 2 s of its return', async () => {
    const producer = await openReadyProducer()
    redis.freeze()
    onTestFinished(redis.thaw)
    await failureOf(producer)
    await untilConnectionLost(producer)
    expect((await failureOf(producer)).tookMs).toBeLessThan(100)
    redis.thaw()
    await untilItTakes(producer, 2_000)
    expect(recording.messages('warn')).toContain('Redis is away, reconnecting')
  })

  test('a producer closes within a second', async () => {
    const producer = await openReadyProducer()
    redis.freeze()
    onTestFinished(redis.thaw)
    const startedAt = performance.now()
    await producer.close()
    expect(performance.now() - startedAt).toBeLessThan(1_000)
  })
})

describe('while Redis refuses', () => {
  test('because it is out of memory, enqueues fail, are logged once, and work when there is room', async () => {
    const producer = await openReadyProducer()
    await redis.client.config('SET', 'maxmemory', '1')
    onTestFinished(async () => void (await redis.client.config('SET', 'maxmemory', '0')))
    for (let n = 0; n < 3; n++) {
      const { error } = await failureOf(producer)
      expect(error).toBeInstanceOf(QueueUnavailableError)
      expect((error as Error).cause).toMatchObject({ message: expect.stringMatching(/OOM|maxmemory/) })
    }
    expect(await producer.shards[0]!.queue.getJobCounts('waiting')).toEqual({ waiting: 0 })
    await redis.client.config('SET', 'maxmemory', '0')
    await untilItTakes(producer, 2_000)
    expect(recording.messages('warn')).toEqual(['Redis does not take batches'])
    expect(recording.messages('info').at(-1)).toBe('Redis takes batches again')
  })

  test('because it is a replica now, an enqueue fails, and works on a primary again', async () => {
    const producer = await openReadyProducer()
    await redis.client.replicaof('127.0.0.1', 1)
    onTestFinished(async () => void (await redis.client.replicaof('NO', 'ONE')))
    expect((await failureOf(producer)).error).toBeInstanceOf(QueueUnavailableError)
    await redis.client.replicaof('NO', 'ONE')
    await untilItTakes(producer, 2_000)
  })
})

test('without enough replicas enqueues fail, and add one batch only', async () => {
  const prefix = freshPrefix()
  const { logger } = recording
  const producer = createProducer({ redisUrl: redis.url, prefix, logger, commandTimeoutMs, waitReplicas: 1 })
  producers.push(producer)
  await untilConnected(producer)
  for (let n = 0; n < 3; n++) {
    const { error, tookMs } = await failureOf(producer)
    expect(error).toBeInstanceOf(QueueUnavailableError)
    expect(tookMs).toBeLessThan(commandTimeoutMs + 200)
  }
  await expect(producer.probe(), 'the check of readiness').rejects.toThrow()
  expect(await producer.shards[0]!.queue.getWaitingCount()).toBe(1)

  const { port, password } = new URL(redis.url)
  await replica.client.config('SET', 'masterauth', password)
  await replica.client.replicaof('127.0.0.1', port)
  onTestFinished(async () => void (await replica.client.replicaof('NO', 'ONE')))
  // A batch that is added while the replica still loads may have too few replicas, and would stay in the queue.
  await until('a replica in step', async () => /state=online/.test(await redis.client.info('replication')), {
    timeoutMs: 10_000,
  })
  await untilItTakes(producer, 10_000)
  expect(await producer.shards[0]!.queue.getWaitingCount()).toBe(2)
  await producer.probe()
})

test.skipIf(!tellsOfProbes)('an idle connection is probed, so that a dead one is noticed', async () => {
  const { client } = await openReadyProducer()

  const probeMs = await until('a probe', () => idleProbeMs((client as Redis).stream as Socket), {
    timeoutMs: 2_000,
  })

  expect(probeMs).toBeLessThanOrEqual(10_000)
})

test('no log line holds a body, an id or the password', async () => {
  recording = createRecordingLogger('trace')
  const producer = await openReadyProducer()
  const delivery = makeDelivery('{"source":"+6591234567"}')
  await producer.enqueue([delivery])
  await redis.client.config('SET', 'maxmemory', '1')
  await failureOf(producer)
  await redis.client.config('SET', 'maxmemory', '0')
  const log = recording.lines.join('')
  expect(log).toContain('Redis does not take batches')
  const payload = (await producer.shards[0]!.queue.getJobs(['waiting']))[0]?.data as { events: string }
  for (const secret of ['6591234567', new URL(redis.url).password, payload.events]) {
    expect(log).not.toContain(secret)
  }
})

test('a batch and the note of it leave in one write', async () => {
  const producer = await openReadyProducer()
  const { stream } = producer.client as Redis
  const write = stream.write
  const corked = new Map<string, boolean>()
  // It only looks on: a corked stream collects its writes.
  stream.write = function look(this: typeof stream, ...args: Parameters<typeof write>) {
    const command = /zadd|evalsha/i.exec(String(args[0]))?.[0].toLowerCase()
    if (command) corked.set(command, stream.writableCorked > 0)
    return write.apply(this, args)
  } as typeof write
  await producer.enqueue([makeDelivery()])
  expect(Object.fromEntries(corked)).toEqual({ zadd: true, evalsha: true })
  expect(stream.writableCorked).toBe(0)
})
