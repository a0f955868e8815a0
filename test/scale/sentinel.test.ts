import { once } from 'node:events'
import type { Socket } from 'node:net'
import { setImmediate } from 'node:timers/promises'
import { createTemporaryFolder, until } from '@vss-pipeline/local-stack'
import { beforeEach, expect, onTestFinished, test } from 'vitest'
import { connectRedis } from '../../packages/queue/src/connection.ts'
import {
  expectEveryPostAcknowledged,
  surviveUnderLoad,
  type WatchedPipeline,
} from '../support/faulty-pipeline.ts'
import { createRecordingLogger } from '../support/recording-logger.ts'
import { startWatchedRedis, type WatchedRedis } from '../support/redis-sentinels.ts'
import { startRunningPipeline } from '../support/running-pipeline.ts'
import { sampleWatermark } from '../support/watermark-samples.ts'

let redis: WatchedRedis

beforeEach(async () => {
  redis = await startWatchedRedis()
  return () => redis.stop()
}, 90_000)

async function startPipeline(env: NodeJS.ProcessEnv = {}): Promise<WatchedPipeline> {
  const folder = await createTemporaryFolder()
  onTestFinished(() => folder.remove())
  const pipeline = await startRunningPipeline({
    redisUrl: redis.url,
    env: { SPOOL_DIR: folder.path, REDIS_WAIT_REPLICAS: '1', ...env },
  })
  return { ...pipeline, watermark: sampleWatermark(pipeline.databaseUrl) }
}

/** Waits until the sentinels name another primary than this one. @returns the milliseconds that it took. */
async function untilReplaced(port: number): Promise<number> {
  const startedAt = performance.now()
  await until('Another primary', async () => (await redis.primary()).port !== port, { timeoutMs: 60_000 })
  return Math.round(performance.now() - startedAt)
}

test('a primary is killed under load, and comes back as a replica: nothing is lost or doubled', async () => {
  const pipeline = await startPipeline()
  const old = await redis.primary()
  const aftermath = await surviveUnderLoad(pipeline, {
    seed: 'sentinel-killed',
    count: 4_000,
    async fault() {
      await old.kill()
      console.log(
        `sentinel: the primary was replaced ${await untilReplaced(old.port)} ms after it was killed`,
      )
      await old.start()
      await redis.untilFollowing(old)
    },
  })
  expectEveryPostAcknowledged(aftermath)
})

test('a primary hangs under load, and comes back as a replica: nothing is lost or doubled', async () => {
  const pipeline = await startPipeline()
  const old = await redis.primary()
  const aftermath = await surviveUnderLoad(pipeline, {
    seed: 'sentinel-frozen',
    count: 4_000,
    async fault() {
      old.freeze()
      console.log(`sentinel: the primary was replaced ${await untilReplaced(old.port)} ms after it froze`)
      old.thaw()
      await redis.untilFollowing(old)
    },
  })
  expectEveryPostAcknowledged(aftermath)
})

test('an operator has another node take over under load: nothing is lost or doubled', async () => {
  const pipeline = await startPipeline()
  const old = await redis.primary()
  const aftermath = await surviveUnderLoad(pipeline, {
    seed: 'sentinel-by-hand',
    count: 4_000,
    async fault() {
      await redis.sentinels[0]!.client.call('SENTINEL', 'FAILOVER', 'vss')
      await untilReplaced(old.port)
      await redis.untilFollowing(old)
    },
  })
  expectEveryPostAcknowledged(aftermath)
})

test('a primary that sentinels cannot reach is left by all clients, although they still reach it', async () => {
  const pipeline = await startPipeline()
  const old = await redis.primary()
  const aftermath = await surviveUnderLoad(pipeline, {
    seed: 'sentinel-cut-off',
    count: 4_000,
    async fault() {
      await redis.shutOut(old)
      await untilReplaced(old.port)
      const clients = async () => (await old.client.client('LIST')) as string
      await until('The leave of all clients', async () => !(await clients()).includes('name=vss-'), {
        timeoutMs: 10_000,
      })
      await redis.letIn(old)
      await redis.untilFollowing(old)
    },
  })
  expectEveryPostAcknowledged(aftermath)
})

test('a client that asks a sentinel which hangs still follows the primary', async () => {
  const { logger } = createRecordingLogger('silent')
  const client = connectRedis({ redisUrl: redis.url, role: 'test', logger, settings: {} })
  onTestFinished(() => client.disconnect())
  await until('A connection', () => client.status === 'ready', { timeoutMs: 5_000 })
  const old = await redis.primary()
  const [first] = redis.sentinels
  first!.freeze()
  onTestFinished(() => first!.thaw())
  // From here on the client waits for the sentinel that hangs, while the others tell of the new primary.
  await old.kill()
  await untilReplaced(old.port)
  expect(await client.set('written', 'after the failover')).toBe('OK')
})

test('two sentinels of three are enough, and the loss of one is not told on the console', async () => {
  const pipeline = await startPipeline()
  await redis.sentinels[0]!.kill()
  const old = await redis.primary()
  await surviveUnderLoad(pipeline, {
    seed: 'sentinel-of-three',
    count: 2_000,
    async fault() {
      await old.kill()
      await untilReplaced(old.port)
      await old.start()
      await redis.untilFollowing(old)
    },
  })
  expect(pipeline.log.filter((line) => line.includes('[ioredis]'))).toEqual([])
})

test('a client that is ended while it connects to the primary leaves no connection to a sentinel', async () => {
  const { logger } = createRecordingLogger()
  const client = connectRedis({
    redisUrl: redis.url,
    role: 'test',
    logger,
    settings: { lazyConnect: true, retryStrategy: () => null },
  })
  const { connector } = client as unknown as {
    connector: { stream?: Socket; failoverDetector: object | null }
  }
  client.connect().catch(() => undefined)
  while (connector.stream === undefined) await setImmediate()
  expect(connector.stream.connecting).toBe(true)
  const closed = once(connector.stream, 'close')
  client.disconnect()
  await closed
  // ioredis makes it, with a connection to each sentinel, as soon as the primary takes the connection.
  expect(connector.failoverDetector).toBeNull()
})
