import { setTimeout as pause } from 'node:timers/promises'
import { until } from '@vss-pipeline/local-stack'
import { expect, onTestFinished, test } from 'vitest'
import { expectEveryPostAcknowledged, surviveUnderLoad } from '../support/faulty-pipeline.ts'
import { type RedisCluster, startRedisCluster } from '../support/redis-cluster.ts'
import { startRunningPipeline } from '../support/running-pipeline.ts'
import { vss } from '../support/vss-command.ts'
import { sampleWatermark } from '../support/watermark-samples.ts'

/** A POST that comes just then waits for one try of a shard, and for another shard. */
const mostP99Ms = 500

/** Six shards on three primaries with a replica each. Ingest has no spool: it keeps a delivery in Redis or refuses it. */
async function startOnCluster(env: NodeJS.ProcessEnv = {}) {
  const cluster = await startRedisCluster()
  onTestFinished(() => cluster.stop())
  const pipeline = await startRunningPipeline({
    redisUrl: cluster.url,
    workers: 2,
    env: { QUEUE_SHARDS: '6', REDIS_WAIT_REPLICAS: '1', ...env },
  })
  return { cluster, pipeline: { ...pipeline, watermark: sampleWatermark(pipeline.databaseUrl) } }
}

type Pipeline = Awaited<ReturnType<typeof startOnCluster>>['pipeline']

/** The shards that `vss` sees, by their state. */
async function readShards({ redisUrl, queuePrefix }: Pipeline) {
  const { stdout } = await vss(['queue', 'shards', '--json'], {
    REDIS_URL: redisUrl,
    QUEUE_PREFIX: queuePrefix,
  })
  return (JSON.parse(stdout) as { shards: { node: string; isAway: boolean; deliveries?: number }[] }).shards
}

/** Waits until a killed primary has been replaced. @returns the milliseconds that it took. */
async function untilReplaced(cluster: RedisCluster, key: string, killed: string): Promise<number> {
  const startedAt = performance.now()
  const isReplaced = async () => (await cluster.primaryOf(key).catch(() => undefined))?.name !== killed
  await until('Another primary', isReplaced, { timeoutMs: 30_000 })
  return Math.round(performance.now() - startedAt)
}

/** Waits until ingest takes every shard again that it has passed over. */
async function untilAllTake({ log }: Pipeline): Promise<void> {
  const isSo = () => {
    const told = log.flatMap(
      (line) => /"shard":(\d+).*"msg":"Redis (takes|does not take) batches/.exec(line) ?? [],
    )
    const last = new Map<string, string>()
    for (let at = 0; at < told.length; at += 3) last.set(told[at + 1]!, told[at + 2]!)
    return last.size > 0 && [...last.values()].every((word) => word === 'takes')
  }
  await until('All shards', isSo, { timeoutMs: 60_000 })
}

test.each([
  ['the marks of ingest', (pipeline: Pipeline) => `${pipeline.queuePrefix}:ingests`],
  ['a further shard', () => 'vss{1p}:batches'],
])('the primary that has %s is killed and replaced: every POST is acknowledged', async (_, keyOf) => {
  const { cluster, pipeline } = await startOnCluster()
  const key = keyOf(pipeline)
  const aftermath = await surviveUnderLoad(pipeline, {
    seed: `primary of ${key.replace(pipeline.queuePrefix, '{vss}')} killed`,
    count: 20_000,
    restMs: 30,
    async fault() {
      const primary = await cluster.primaryOf(key)
      await primary.kill()
      const tookMs = await untilReplaced(cluster, key, primary.name)
      console.log(`another primary after ${tookMs} ms`)
      await primary.start()
      const replacement = await cluster.primaryOf(key)
      const hasReplica = async () => (await cluster.replicasOf(replacement)).length > 0
      await until('Its return as a replica', hasReplica, { timeoutMs: 30_000 })
      await untilAllTake(pipeline)
    },
  })
  expectEveryPostAcknowledged(aftermath)
  expect(aftermath.p99Ms).toBeLessThan(mostP99Ms)
})

test('a node is added, and slots move to it under load: every POST is acknowledged', async () => {
  const { cluster, pipeline } = await startOnCluster()
  const aftermath = await surviveUnderLoad(pipeline, {
    seed: 'slots moved',
    count: 20_000,
    restMs: 30,
    async fault() {
      const to = await cluster.addPrimary()
      const from = await cluster.primaryOf('vss{1p}:batches')
      await cluster.moveSlots({ from, to, slots: 5_461 })
    },
  })
  expectEveryPostAcknowledged(aftermath)
  const shards = await readShards(pipeline)
  expect(new Set(shards.map(({ node }) => node)).size, 'nodes that have shards').toBe(3)
})

test('a shard loses its primary and its replica for a minute: the others take every POST', async () => {
  const { cluster, pipeline } = await startOnCluster()
  const aftermath = await surviveUnderLoad(pipeline, {
    seed: 'shard lost for 60 s',
    count: 60_000,
    restMs: 35,
    withinMs: 120_000,
    async fault() {
      const primary = await cluster.primaryOf('vss{1p}:batches')
      const nodes = [primary, ...(await cluster.replicasOf(primary))]
      await Promise.all(nodes.map((node) => node.kill()))
      await pause(60_000)
      const away = (await readShards(pipeline)).filter(({ isAway }) => isAway)
      expect(away.length).toBeGreaterThanOrEqual(1)
      await Promise.all(nodes.map((node) => node.start()))
      await untilAllTake(pipeline)
    },
  })
  expectEveryPostAcknowledged(aftermath)
  expect(aftermath.p99Ms).toBeLessThan(mostP99Ms)
})
