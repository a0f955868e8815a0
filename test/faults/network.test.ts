import { setTimeout as pause } from 'node:timers/promises'
import { expect, test } from 'vitest'
import {
  expectEveryPostAcknowledged,
  type FaultyPipeline,
  startFaultyPipeline,
  surviveUnderLoad,
} from '../support/faulty-pipeline.ts'

type Link = keyof FaultyPipeline['network']
const links: Link[] = ['redis', 'postgres']

test.each(links)('the network to %s is slow from the first rows on', async (link) => {
  const pipeline = await startFaultyPipeline()
  const aftermath = await surviveUnderLoad(pipeline, {
    seed: `slow-network-to-${link}`,
    count: 4_000,
    connections: 64,
    async fault() {
      pipeline.network[link].delay(100)
    },
  })
  expectEveryPostAcknowledged(aftermath)
  expect(aftermath.recoveredMs).toBeLessThan(45_000)
})

test.each(links)('every connection to %s is reset, ten times in three seconds', async (link) => {
  const pipeline = await startFaultyPipeline()
  const aftermath = await surviveUnderLoad(pipeline, {
    seed: `resets-to-${link}`,
    count: 5_000,
    connections: 4,
    async fault() {
      for (let resets = 0; resets < 10; resets++) {
        pipeline.network[link].reset()
        await pause(300)
      }
    },
  })
  expectEveryPostAcknowledged(aftermath)
  // A batch in hand runs again when the queue notices that its lock has expired: after 18 s at most.
  expect(aftermath.recoveredMs).toBeLessThan(45_000)
})

test.each(links)('the network to %s swallows everything for ten seconds', async (link) => {
  const pipeline = await startFaultyPipeline()
  const aftermath = await surviveUnderLoad(pipeline, {
    seed: `black-hole-to-${link}`,
    count: 5_000,
    async fault() {
      pipeline.network[link].swallow()
      await pause(10_000)
      pipeline.network[link].heal()
    },
  })
  expectEveryPostAcknowledged(aftermath)
  expect(aftermath.recoveredMs).toBeLessThan(45_000)
})

test.each(links)('every connection to %s falls silent for good, but new ones work', async (link) => {
  const pipeline = await startFaultyPipeline()
  const aftermath = await surviveUnderLoad(pipeline, {
    seed: `silent-connections-to-${link}`,
    count: 5_000,
    withinMs: 90_000,
    async fault() {
      pipeline.network[link].abandon()
    },
  })
  expectEveryPostAcknowledged(aftermath)
  // A flush still uses a connection that has been idle for less than 10 s. A statement may take 30 s there, and the
  // worker gives it up 5 s later.
  expect(aftermath.recoveredMs).toBeLessThan(60_000)
})

test('Redis and Postgres are killed at once, and started again', async () => {
  const pipeline = await startFaultyPipeline()
  const servers = [pipeline.redis, pipeline.postgres]
  const aftermath = await surviveUnderLoad(pipeline, {
    seed: 'redis-and-postgres-killed',
    count: 10_000,
    connections: 8,
    async fault() {
      await Promise.all(servers.map((server) => server.kill()))
      await pause(5_000)
      await Promise.all(servers.map((server) => server.start()))
    },
  })
  expectEveryPostAcknowledged(aftermath)
  expect(aftermath.recoveredMs).toBeLessThan(45_000)
})
