import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { createTemporaryFolder, until } from '@vss-pipeline/local-stack'
import { expect, onTestFinished, test } from 'vitest'
import { shardPrefix } from '../../packages/queue/src/topology.ts'
import { expectEveryPostAcknowledged, surviveUnderLoad } from '../support/faulty-pipeline.ts'
import { type RedisCluster, startRedisCluster } from '../support/redis-cluster.ts'
import { startRunningPipeline } from '../support/running-pipeline.ts'
import { vss } from '../support/vss-command.ts'
import { sampleWatermark } from '../support/watermark-samples.ts'

/** A POST that comes just then waits for one try of a shard, and for another shard. */
const mostP99Ms = 500
const within = { timeoutMs: 60_000 }

/** Six shards on three primaries with a replica each. Ingest has no spool: it keeps a delivery in Redis or refuses it. */
async function startOnCluster(env: NodeJS.ProcessEnv = {}) {
  const cluster = await startRedisCluster()
  onTestFinished(() => cluster.stop())
  const pipeline = await startRunningPipeline({
    redisUrl: cluster.url,
    workers: 2,
    // The default of half a second is short where tests share the cores with a cluster and its clients.
    env: { QUEUE_SHARDS: '6', REDIS_WAIT_REPLICAS: '1', ENQUEUE_TIMEOUT_MS: '1500', ...env },
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
  await until('Another primary', isReplaced, within)
  return Math.round(performance.now() - startedAt)
}

/** A key of a shard on another node than ingest's marks: without a spool it keeps nothing a minute after its last mark. */
async function keyElsewhere(cluster: RedisCluster, { queuePrefix }: Pipeline): Promise<string> {
  const [, second, third] = [0, 1, 2].map((index) => `${shardPrefix(queuePrefix, index)}:batches`)
  const own = await cluster.primaryOf(queuePrefix)
  return (await cluster.primaryOf(second!)) === own ? third! : second!
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
  await until('All shards', isSo, within)
}

test.each<[string, (cluster: RedisCluster, pipeline: Pipeline) => Promise<string>]>([
  ['the marks of ingest', async (_: RedisCluster, pipeline: Pipeline) => `${pipeline.queuePrefix}:ingests`],
  ['another shard', keyElsewhere],
])('the primary that has %s is killed and replaced: every POST is acknowledged', async (what, keyOf) => {
  const { cluster, pipeline } = await startOnCluster()
  const key = await keyOf(cluster, pipeline)
  const aftermath = await surviveUnderLoad(pipeline, {
    seed: `primary killed that has ${what}`,
    count: 60_000,
    restMs: 30,
    async fault() {
      const primary = await cluster.primaryOf(key)
      await primary.kill()
      const tookMs = await untilReplaced(cluster, key, primary.name)
      console.log(`another primary after ${tookMs} ms`)
      await primary.start()
      const replacement = await cluster.primaryOf(key)
      const hasReplica = async () => (await cluster.replicasOf(replacement)).length > 0
      await until('Its return as a replica', hasReplica, within)
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
    count: 60_000,
    restMs: 30,
    async fault() {
      const to = await cluster.addPrimary()
      const from = await cluster.primaryOf(await keyElsewhere(cluster, pipeline))
      await cluster.moveSlots({ from, to, slots: 5_461 })
    },
  })
  expectEveryPostAcknowledged(aftermath)
  const shards = await readShards(pipeline)
  expect(new Set(shards.map(({ node }) => node)).size, 'nodes that have shards').toBe(3)
})

test.each<{ what: string; keyOf: typeof keyElsewhere; spool: boolean }>([
  { what: 'another shard', keyOf: keyElsewhere, spool: false },
  { what: 'the marks of ingest', keyOf: async (_, { queuePrefix }) => `${queuePrefix}:ingests`, spool: true },
])(
  'the primary and the replica of $what are away for a minute: every POST is acknowledged',
  async ({ what, keyOf, spool }) => {
    const folder = await createTemporaryFolder()
    onTestFinished(() => folder.remove())
    const { cluster, pipeline } = await startOnCluster(spool ? { SPOOL_DIR: join(folder.path, 'spool') } : {})
    const aftermath = await surviveUnderLoad(pipeline, {
      seed: `both nodes away for 60 s that have ${what}`,
      count: 60_000,
      restMs: 35,
      withinMs: 120_000,
      async fault() {
        const primary = await cluster.primaryOf(await keyOf(cluster, pipeline))
        await until('Its replica', async () => (await cluster.replicasOf(primary)).length > 0, within)
        const nodes = [primary, ...(await cluster.replicasOf(primary))]
        await Promise.all(nodes.map((node) => node.kill()))
        await pause(60_000)
        if (!spool) expect((await readShards(pipeline)).some(({ isAway }) => isAway)).toBe(true)
        await Promise.all(nodes.map((node) => node.start()))
        await untilAllTake(pipeline)
      },
    })
    expectEveryPostAcknowledged(aftermath)
    expect(aftermath.p99Ms).toBeLessThan(mostP99Ms)
  },
)
