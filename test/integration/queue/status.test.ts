import { until } from '@vss-pipeline/local-stack'
import {
  createConsumer,
  createProducer,
  fetchRedisState,
  observeQueue,
  type Producer,
  readQueueStatus,
  tellProcess,
} from '@vss-pipeline/queue'
import { createMetricsRegistry } from '@vss-pipeline/runtime/service'
import { afterEach, beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest'
import { freshPrefix } from '../../support/batches.ts'
import { makeDelivery } from '../../support/deliveries.ts'
import { startOwnRedis } from '../../support/own-redis.ts'
import { createRecordingLogger } from '../../support/recording-logger.ts'
import { untilConnected, untilConnectionLost } from '../../support/redis-connection.ts'
import { createGate, openAllGates } from './gate.ts'

const redis = await startOwnRedis()
const { logger } = createRecordingLogger('silent')

let prefix: string
let producer: Producer

beforeEach(async () => {
  prefix = freshPrefix()
  producer = createProducer({ redisUrl: redis.url, prefix, logger, commandTimeoutMs: 1_000 })
  await untilConnected(producer)
})

afterEach(async () => {
  openAllGates()
  await producer.close()
})

function read() {
  return readQueueStatus(producer.topology)
}

/** Enqueues batches of one delivery, received so many seconds ago. */
async function enqueue(times: number, agoSeconds = 0): Promise<void> {
  for (let n = 0; n < times; n++) await producer.enqueue([makeDelivery('{}', agoSeconds)])
}

test('an empty queue has no batches of any state, and no oldest one', async () => {
  expect(await read()).toEqual({
    jobs: { waiting: 0, active: 0, delayed: 0, failed: 0 },
    deliveries: 0,
    oldestWaitingSeconds: 0,
    isPaused: false,
    awayShards: [],
  })
})

test.each(['-inf', '+inf', '1e300'])('a time of %s, which cannot be true, counts as now', async (score) => {
  await redis.client.zadd(producer.shards[0]!.queue.toKey('open'), score, 'by hand')
  expect(await read()).toMatchObject({ oldestWaitingSeconds: 0 })
})

test('the oldest has waited by the clock of Redis, also where that of the reader is ahead', async () => {
  await enqueue(1, 30)
  vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 600_000 })
  onTestFinished(() => void vi.useRealTimers())
  const { oldestWaitingSeconds } = await read()
  expect(oldestWaitingSeconds).toBeGreaterThanOrEqual(30)
  expect(oldestWaitingSeconds).toBeLessThan(60)
})

test('batches are counted by state', async () => {
  const gate = createGate()
  let taken = 0
  const consumer = createConsumer({
    redisUrl: redis.url,
    prefix,
    concurrency: 1,
    logger,
    async handle() {
      if (++taken === 1) throw new Error('a fault')
      await gate.passed
      return 'done'
    },
  })
  onTestFinished(() => consumer.close())
  await enqueue(1)
  await until('the fault', async () => (await read()).jobs.delayed === 1, { timeoutMs: 5_000 })
  await enqueue(3)
  await until('one in hand', async () => (await read()).jobs.active === 1, { timeoutMs: 5_000 })
  expect((await read()).jobs).toEqual({ waiting: 2, active: 1, delayed: 1, failed: 0 })
  gate.open()
})

test('the age of the oldest counts from its receipt, wherever it stands in a long queue', async () => {
  await enqueue(101)
  await enqueue(1, 90)
  await enqueue(101)
  const { oldestWaitingSeconds } = await read()
  expect(oldestWaitingSeconds).toBeGreaterThanOrEqual(90)
  expect(oldestWaitingSeconds).toBeLessThan(100)
})

test('the deliveries of a paused queue wait, and it shows that it is paused', async () => {
  await enqueue(2)
  const { queue } = producer.shards[0]!
  await queue.pause()
  await enqueue(1)
  expect(await read()).toMatchObject({ jobs: { waiting: 3 }, deliveries: 3, isPaused: true })
  await queue.resume()
  expect(await read()).toMatchObject({ jobs: { waiting: 3 }, deliveries: 3, isPaused: false })
})

describe('metrics', () => {
  test('show the depth by state and the age of the oldest, as of each reading', async () => {
    const registry = createMetricsRegistry()
    observeQueue({ registry, topology: producer.topology })
    const before = await registry.metrics()
    expect(before).toMatch(/^vss_queue_jobs\{state="waiting"\} 0$/m)
    expect(before).toMatch(/^vss_queue_oldest_waiting_seconds 0$/m)
    await enqueue(2, 90)
    const after = await registry.metrics()
    for (const [state, count] of Object.entries({ waiting: 2, active: 0, delayed: 0, failed: 0 })) {
      expect(after).toMatch(new RegExp(`^vss_queue_jobs\\{state="${state}"\\} ${count}$`, 'm'))
    }
    expect(after).toMatch(/^vss_queue_oldest_waiting_seconds 9\d(\.\d+)?$/m)
  })

  test('keep their values while Redis is away, and say that it is, without a wait', async () => {
    const registry = createMetricsRegistry()
    observeQueue({ registry, topology: producer.topology })
    await enqueue(1)
    const before = await registry.metrics()
    expect(before).toMatch(/^vss_queue_jobs\{state="waiting"\} 1$/m)
    expect(before).toMatch(/^vss_redis_up 1$/m)
    await redis.stop()
    onTestFinished(redis.start)
    await untilConnectionLost(producer)
    const startedAt = performance.now()
    const metrics = await registry.metrics()
    expect(performance.now() - startedAt).toBeLessThan(500)
    expect(metrics).toMatch(/^vss_redis_up 0$/m)
    for (const name of ['vss_queue_jobs', 'vss_queue_oldest_waiting_seconds', 'vss_redis_memory_share']) {
      expect(samplesOf(metrics, name), name).toEqual(samplesOf(before, name))
    }
  })

  test('show how many workers tell that they run', async () => {
    const registry = createMetricsRegistry()
    observeQueue({ registry, topology: producer.topology })
    expect(await registry.metrics()).toMatch(/^vss_workers_connected 0$/m)
    const report = () => ({ isDatabaseThere: true, payloadVersions: [], shards: 1, shardsRead: [0] })
    const tellings = [1, 2].map(() =>
      tellProcess({ client: producer.client, prefix, service: 'worker', report }),
    )
    onTestFinished(async () => void (await Promise.all(tellings.map((telling) => telling.close()))))
    await Promise.all(tellings.map((telling) => telling.tell()))
    expect(await registry.metrics()).toMatch(/^vss_workers_connected 2$/m)
  })

  test('show the used share of maxmemory, and 0 without one', async () => {
    const registry = createMetricsRegistry()
    observeQueue({ registry, topology: producer.topology })
    expect(await registry.metrics()).toMatch(/^vss_redis_memory_share 0$/m)
    const [, used] = /used_memory:(\d+)/.exec(await redis.client.info('memory'))!
    await redis.client.config('SET', 'maxmemory', 2 * Number(used))
    onTestFinished(async () => void (await redis.client.config('SET', 'maxmemory', 0)))
    const [sample] = samplesOf(await registry.metrics(), 'vss_redis_memory_share')
    expect(Number(sample!.split(' ')[1])).toBeCloseTo(0.5, 1)
  })
})

test('metrics of a consumer come within 2 s though Redis hangs', async () => {
  const consumer = createConsumer({
    redisUrl: redis.url,
    prefix,
    concurrency: 1,
    logger,
    handle: async () => 'done',
  })
  const registry = createMetricsRegistry()
  observeQueue({ registry, topology: consumer.topology })
  await untilConnected(consumer)
  redis.freeze()
  onTestFinished(async () => {
    redis.thaw()
    await consumer.close()
  })
  const startedAt = performance.now()
  const metrics = await registry.metrics()
  expect(performance.now() - startedAt).toBeLessThan(2_000)
  expect(metrics).toMatch(/^vss_redis_up 0$/m)
  // Nothing was read before, so nothing is known.
  expect(metrics).not.toMatch(/^vss_(queue|redis_memory)\w+(\{.*\})? /m)
})

/** The lines of a metric. */
function samplesOf(metrics: string, name: string): string[] {
  return metrics.split('\n').filter((line) => line.startsWith(`${name}{`) || line.startsWith(`${name} `))
}

describe('fetching the status once', () => {
  test('connects, reads and leaves no connection behind', async () => {
    await enqueue(2)
    const state = await fetchRedisState({ redisUrl: redis.url, prefix, logger })
    expect(state.queue.jobs.waiting).toBe(2)
    expect(state.isPrefixKnown).toBe(true)
    expect(state.redis).toMatchObject({
      isAppendOnly: true,
      appendFsync: 'always',
      evictionPolicy: 'noeviction',
    })
    expect(state.redis.usedBytes).toBeGreaterThan(0)
    const isGone = async () => !((await redis.client.client('LIST')) as string).includes('name=vss-status')
    await until('the end of its connection', isGone, { timeoutMs: 2_000 })
  })

  test('knows a prefix under which nothing ever was', async () => {
    const state = await fetchRedisState({ redisUrl: redis.url, prefix: freshPrefix(), logger })
    expect(state).toMatchObject({
      isPrefixKnown: false,
      queue: { deliveries: 0 },
      processes: { running: [] },
    })
  })

  test('fails with the reason when Redis cannot be reached', async () => {
    await redis.stop()
    onTestFinished(redis.start)
    const startedAt = performance.now()
    await expect(fetchRedisState({ redisUrl: redis.url, prefix, logger })).rejects.toThrow(/ECONNREFUSED/)
    expect(performance.now() - startedAt).toBeLessThan(5_000)
  })

  test('fails with the reason when the password is wrong, without showing it', async () => {
    const url = new URL(redis.url)
    url.password = 'hunter2'
    const error = await fetchRedisState({ redisUrl: url.href, prefix, logger }).catch((error) => error)
    expect(error.message).toMatch(/WRONGPASS/)
    expect(error.message).not.toContain('hunter2')
  })

  test('fails within 6 s when Redis hangs', async () => {
    redis.freeze()
    onTestFinished(redis.thaw)
    const startedAt = performance.now()
    await expect(fetchRedisState({ redisUrl: redis.url, prefix, logger })).rejects.toThrow()
    expect(performance.now() - startedAt).toBeLessThan(6_000)
  })
})
