import { dirname, join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { until } from '@vss-pipeline/local-stack'
import { expect, onTestFinished, test } from 'vitest'
import { parseInfo } from '../../packages/queue/src/info.ts'
import {
  type Aftermath,
  expectEveryPostAcknowledged,
  type FaultyPipeline,
  startFaultyPipeline,
  surviveUnderLoad,
} from '../support/faulty-pipeline.ts'
import { type FaultyServer, killProcess } from '../support/faulty-server.ts'
import { untilMoreRows, untilSpooled } from '../support/outages.ts'
import { redisCommand } from '../support/redis-command.ts'
import { readMetric } from '../support/service-metric.ts'
import { mayMount, mountSmallDisk } from '../support/small-disk.ts'

const kib = 1024
const mib = 1024 * kib

/** Expects that no sender saw the fault, because the spool kept deliveries, and that the spool is empty again. */
async function expectSpooled({ ingest }: FaultyPipeline, aftermath: Aftermath): Promise<void> {
  expectEveryPostAcknowledged(aftermath)
  expect(await readMetric(ingest.opsUrl, 'vss_deliveries_spooled_total')).toBeGreaterThan(0)
  expect(await readMetric(ingest.opsUrl, 'vss_spool_deliveries')).toBe(0)
}

/** Sends one command, and expects that Redis does not refuse it. @returns the answer. */
async function tellRedis(url: string, command: string): Promise<string> {
  const answer = await redisCommand(url, command)
  expect(answer, command).not.toMatch(/^-/)
  return answer
}

interface Outage {
  is: string
  seed: string
  count: number
  connections: number
  lastsMs: number
  begin(redis: FaultyServer): unknown
  end(redis: FaultyServer): unknown
}

const outages: Outage[] = [
  {
    is: 'is killed and started again',
    seed: 'redis-killed',
    count: 5_000,
    connections: 16,
    lastsMs: 2_000,
    begin: (redis) => redis.kill(),
    end: (redis) => redis.start(),
  },
  {
    is: 'is away for a minute',
    seed: 'redis-away-for-a-minute',
    count: 20_000,
    connections: 8,
    lastsMs: 60_000,
    begin: (redis) => redis.kill(),
    end: (redis) => redis.start(),
  },
  {
    is: 'hangs, and goes on',
    seed: 'redis-frozen',
    count: 5_000,
    connections: 16,
    lastsMs: 20_000,
    begin: (redis) => redis.freeze(),
    end: (redis) => redis.thaw(),
  },
  {
    is: 'is demoted to a replica, and promoted again',
    seed: 'redis-read-only',
    count: 10_000,
    connections: 4,
    lastsMs: 5_000,
    begin: ({ url }) => tellRedis(url, 'REPLICAOF 127.0.0.1 1'),
    end: ({ url }) => tellRedis(url, 'REPLICAOF NO ONE'),
  },
  {
    is: 'has no memory for writes for a while',
    seed: 'redis-out-of-memory',
    count: 6_000,
    connections: 4,
    lastsMs: 5_000,
    begin: ({ url }) => tellRedis(url, 'CONFIG SET maxmemory 1'),
    end: ({ url }) => tellRedis(url, 'CONFIG SET maxmemory 0'),
  },
]

test.each(outages)('Redis $is', async ({ seed, count, connections, lastsMs, begin, end }) => {
  const pipeline = await startFaultyPipeline()
  const aftermath = await surviveUnderLoad(pipeline, {
    seed,
    count,
    connections,
    async fault() {
      await begin(pipeline.redis)
      await pause(lastsMs)
      await end(pipeline.redis)
    },
  })
  await expectSpooled(pipeline, aftermath)
  // A batch in hand runs again when the queue notices that its lock has expired: after 18 s at most.
  expect(aftermath.recoveredMs).toBeLessThan(45_000)
})

test('Redis is killed twice, and there is no spool', async () => {
  const pipeline = await startFaultyPipeline({ env: { SPOOL_DIR: '' } })
  const { redis } = pipeline
  const { answers, recoveredMs } = await surviveUnderLoad(pipeline, {
    seed: 'redis-killed-without-spool',
    count: 6_000,
    connections: 32,
    async fault() {
      for (let times = 0; times < 2; times++) {
        if (times > 0) await untilMoreRows(pipeline, 500)
        await redis.kill()
        await redis.start()
      }
    },
  })
  expect(answers.get('503'), 'refused while Redis was away').toBeGreaterThan(0)
  expect(recoveredMs).toBeLessThan(45_000)
})

test('a backlog fills Redis, and drains without more memory when a worker is back', async () => {
  const pipeline = await startFaultyPipeline()
  const { redis, ingest, workers } = pipeline
  const aftermath = await surviveUnderLoad(pipeline, {
    seed: 'redis-full',
    count: 20_000,
    // While batches wait for workers, ingest holds a small batch to fill it. Many senders fill it sooner.
    connections: 64,
    async fault() {
      await workers[0]!.stop()
      const info = await tellRedis(redis.url, 'INFO memory')
      const used = Number(parseInfo(info).get('used_memory'))
      await tellRedis(redis.url, `CONFIG SET maxmemory ${used + 2 * mib}`)
      await untilSpooled(ingest, 101)
      await pipeline.startWorker()
    },
  })
  await expectSpooled(pipeline, aftermath)
  expect(aftermath.recoveredMs).toBeLessThan(45_000)
})

test.skipIf(!mayMount())('the disk of Redis is full, so that Redis exits, and has room again', async () => {
  const pipeline = await startFaultyPipeline()
  const { redis } = pipeline
  await redis.stop()
  const disk = mountSmallDisk(join(dirname(pipeline.spoolDir), 'redis', 'data'), 16)
  onTestFinished(async () => {
    await redis.stop()
    disk.unmount()
  })
  await redis.start()

  const aftermath = await surviveUnderLoad(pipeline, {
    seed: 'redis-disk-full',
    count: 5_000,
    async fault() {
      disk.fill({ leaveBytes: 128 * kib })
      await until('The end of Redis', () => !isRunning(redis.pid), { timeoutMs: 30_000 })
      await pause(2_000)
      disk.makeRoom()
      await redis.stop()
      await redis.start()
    },
  })
  await expectSpooled(pipeline, aftermath)
  expect(aftermath.recoveredMs).toBeLessThan(45_000)
})

test('everything but Postgres is killed, and both services start before Redis does', async () => {
  const pipeline = await startFaultyPipeline()
  const { redis, ingest, workers } = pipeline
  const { answers, recoveredMs } = await surviveUnderLoad(pipeline, {
    seed: 'redis-away-at-start',
    count: 6_000,
    connections: 4,
    async fault() {
      for (const service of [ingest, workers[0]!]) await killProcess(service)
      await redis.kill()
      await pipeline.startIngest()
      // startWorker resolves when the worker is ready, which needs Redis.
      await Promise.all([pipeline.startWorker(), pause(3_000).then(() => redis.start())])
    },
  })
  expect([...answers.keys()], 'no POST is refused by an ingest that runs').not.toContain('503')
  expect(answers.get('200')).toBe(6_000)
  expect(recoveredMs).toBeLessThan(45_000)
})

function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}
