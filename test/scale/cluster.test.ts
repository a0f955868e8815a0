import { once } from 'node:events'
import { until } from '@vss-pipeline/local-stack'
import {
  createConsumer,
  createProducer,
  fetchRedisCheckup,
  fetchRedisState,
  hasAnswered,
  type Producer,
} from '@vss-pipeline/queue'
import type { Cluster } from 'ioredis'
import { afterAll, describe, expect, onTestFinished, test } from 'vitest'
import { breakOff, connectRedis } from '../../packages/queue/src/connection.ts'
import { nameOf, primaryOf, slotOf } from '../../packages/queue/src/nodes.ts'
import { awaitReplicas } from '../../packages/queue/src/replicas.ts'
import { watchQueue } from '../../packages/queue/src/watch.ts'
import { freshPrefix } from '../support/batches.ts'
import { makeDelivery } from '../support/deliveries.ts'
import { createRecordingLogger } from '../support/recording-logger.ts'
import { startRedisCluster } from '../support/redis-cluster.ts'
import type { RedisNode } from '../support/redis-node.ts'

const cluster = await startRedisCluster()
afterAll(() => cluster.stop())

const failoverMs = { timeoutMs: 30_000 }

async function openProducer(prefix: string, logger = createRecordingLogger().logger): Promise<Producer> {
  const producer = createProducer({ redisUrl: cluster.url, prefix, logger, commandTimeoutMs: 2_000 })
  onTestFinished(() => producer.close())
  await producer.awaitConnection(5_000)
  return producer
}

/** Opens a client as ingest does, or as workers do: these wait for the return of a primary. */
async function openClient(
  role: 'ingest' | 'worker',
  logger = createRecordingLogger('silent').logger,
): Promise<Cluster> {
  const settings =
    role === 'ingest'
      ? { enableOfflineQueue: false, maxRetriesPerRequest: 0 }
      : { maxRetriesPerRequest: null }
  const client = connectRedis({ redisUrl: cluster.url, role, logger, settings }) as Cluster
  onTestFinished(() => client.disconnect())
  await until('A connection to the cluster', () => client.status === 'ready', { timeoutMs: 5_000 })
  return client
}

/** Kills a primary and waits for its replica to take over. The old one comes back as a replica when the test has finished. */
async function killPrimaryOf(key: string): Promise<RedisNode> {
  const primary = await cluster.primaryOf(key)
  await primary.kill()
  onTestFinished(async () => {
    await primary.start()
    await until('A cluster with all replicas', isWhole, failoverMs)
  })
  return primary
}

async function untilReplaced(old: RedisNode, key: string): Promise<void> {
  await until('Another primary', async () => (await cluster.primaryOf(key)) !== old, failoverMs)
}

async function isWhole(): Promise<boolean> {
  const states = await Promise.all(
    cluster.nodes.map(({ client }) => client.cluster('INFO') as Promise<string>),
  )
  const links = await Promise.all(cluster.nodes.map(({ client }) => client.info('replication')))
  const isPrimary = (link: string) => link.includes('role:master')
  return (
    states.every((state) => state.includes('cluster_state:ok')) &&
    links.filter(isPrimary).length === 3 &&
    links.every((link) => link.includes(isPrimary(link) ? 'state=online' : 'master_link_status:up'))
  )
}

describe('while a primary is replaced', () => {
  test('its batches wait, and are handled after that; the log tells of it once', async () => {
    const prefix = freshPrefix()
    const { logger, lines } = createRecordingLogger()
    const producer = await openProducer(prefix)
    const handled = new Set<string>()
    const consumer = createConsumer({
      redisUrl: cluster.url,
      prefix,
      concurrency: 4,
      logger,
      async handle({ deliveryIds }) {
        for (const id of deliveryIds) handled.add(id)
        return 'done'
      },
    })
    onTestFinished(() => consumer.close())
    const first = makeDelivery()
    await producer.enqueue([first])
    await until('The first batch', () => handled.has(first.deliveryId), { timeoutMs: 10_000 })

    const old = await killPrimaryOf(`${prefix}:batches`)
    await untilReplaced(old, `${prefix}:batches`)
    const second = makeDelivery()
    const isTaken = () =>
      producer.enqueue([second]).then(
        () => true,
        () => false,
      )
    await until('A batch that is taken', isTaken, { timeoutMs: 10_000 })
    await until('The batch after the failover', () => handled.has(second.deliveryId), { timeoutMs: 20_000 })

    const told = lines.map((line) => JSON.parse(line)).filter(({ level }) => level === 'warn')
    expect(told).toEqual([
      expect.objectContaining({ node: old.name, msg: 'a primary of Redis is away, reconnecting' }),
    ])
    await until(
      'The word of its end',
      () => lines.some((line) => line.includes('has been replaced')),
      failoverMs,
    )
  })

  test('a consumer closes in seconds, also one whose batch cannot be reported', async () => {
    const prefix = freshPrefix()
    const { logger } = createRecordingLogger('silent')
    const producer = await openProducer(prefix)
    let isTaken = false
    let end = () => {}
    const consumer = createConsumer({
      redisUrl: cluster.url,
      prefix,
      concurrency: 1,
      logger,
      async handle() {
        isTaken = true
        await new Promise<void>((resolve) => (end = resolve))
        return 'done'
      },
    })
    await producer.enqueue([makeDelivery()])
    await until('A batch in hand', () => isTaken, { timeoutMs: 10_000 })
    await killPrimaryOf(`${prefix}:batches`)
    end()
    const startedAt = performance.now()
    await consumer.close()
    expect(performance.now() - startedAt).toBeLessThan(4_000)
  })

  test('commands that wait for an answer are rejected when their client ends', async () => {
    const client = await openClient('worker')
    client.disconnect(true)
    await once(client, 'reconnecting')
    const command = client.get('{any}').catch((error: Error) => error)
    breakOff(client)
    expect(await command).toBeInstanceOf(Error)
    await until('The end of the client', () => client.status === 'end', { timeoutMs: 5_000 })
  })
})

describe('the word of replicas', () => {
  const options = { count: 1, timeoutMs: 2_000 }

  test('is about the primary that took the write', async () => {
    const client = await openClient('ingest')
    const key = `${freshPrefix()}:written`
    await until('A connection to its primary', () => primaryOf(client, key)?.status === 'ready', failoverMs)
    const primary = primaryOf(client, key)
    await client.set(key, '1')
    await awaitReplicas(client, { key, primary, ...options })
    await client.del(key)
    await awaitReplicas(client, { key, primary, ...options })
    const [other] = client.nodes('master').filter((node) => node !== primary)
    await expect(awaitReplicas(client, { key, primary: other, ...options })).rejects.toThrow(
      'another primary',
    )
  })

  test('is not believed for a key that has moved meanwhile', async () => {
    const client = await openClient('ingest')
    const key = `${freshPrefix()}:written`
    const slot = slotOf(key)
    await until('A connection to its primary', () => primaryOf(client, key)?.status === 'ready', failoverMs)
    const primary = primaryOf(client, key)!
    const from = await cluster.primaryOf(key)
    const to = cluster.nodes.find(({ name }) =>
      client.nodes('master').some((node) => node !== primary && nameOf(node) === name),
    )!
    const [fromId, toId] = await Promise.all(
      [from, to].map(({ client }) => client.cluster('MYID') as Promise<string>),
    )
    await client.set(key, '1')
    await to.client.cluster('SETSLOT', slot, 'IMPORTING', fromId!)
    await from.client.cluster('SETSLOT', slot, 'MIGRATING', toId!)
    onTestFinished(async () => {
      await to.client.cluster('SETSLOT', slot, 'NODE', toId!)
      await from.client.cluster('SETSLOT', slot, 'NODE', toId!)
    })
    await from.client.migrate('127.0.0.1', to.port, key, 0, 5_000, 'AUTH', cluster.password)
    await expect(awaitReplicas(client, { key, primary, ...options })).rejects.toThrow(/^ASK /)
  })
})

test('each primary is full by itself', async () => {
  const client = await openClient('ingest')
  const prefixes = Array.from({ length: 20 }, freshPrefix)
  const full = await cluster.primaryOf(prefixes[0]!)
  const other = prefixes.find((prefix) => nameOf(primaryOf(client, prefix)!) !== full.name)!
  const shards = [prefixes[0]!, other].map((prefix, index) => {
    const producer = createProducer({
      redisUrl: cluster.url,
      prefix,
      logger: createRecordingLogger('silent').logger,
      commandTimeoutMs: 2_000,
    })
    onTestFinished(() => producer.close())
    return { ...producer.shards[0]!, index }
  })
  const watch = watchQueue(client, shards)
  onTestFinished(() => watch.stop())
  const [, used] = /used_memory:(\d+)/.exec(await full.client.info('memory'))!
  await full.client.config('SET', 'maxmemory', Math.round(Number(used) * 1.1))
  onTestFinished(async () => void (await full.client.config('SET', 'maxmemory', 0)))
  await until('A full primary', () => watch.isNearlyFull(shards[0]!), { timeoutMs: 5_000 })
  expect(watch.isNearlyFull(shards[1]!)).toBe(false)
  const state = await fetchRedisState({
    redisUrl: cluster.url,
    prefix: prefixes[0]!,
    logger: createRecordingLogger('silent').logger,
  })
  expect(state.redis).toMatchObject({ node: full.name, isNearlyFull: true })
})

test('bodies leave the append-only file of the primary that had them', async () => {
  const prefix = freshPrefix()
  const { logger, lines } = createRecordingLogger()
  const producer = await openProducer(prefix)
  const primary = await cluster.primaryOf(prefix)
  await producer.enqueue([makeDelivery()])
  const consumer = createConsumer({
    redisUrl: cluster.url,
    prefix,
    concurrency: 1,
    logger,
    idleCheckIntervalMs: 20,
    handle: async () => 'done',
  })
  onTestFinished(() => consumer.close())
  const told = () => lines.map((line) => JSON.parse(line)).filter(({ msg }) => /rewrites/.test(msg))
  await until('A rewrite', () => told().length > 0, { timeoutMs: 10_000 })
  expect(told()).toEqual([expect.objectContaining({ node: primary.name })])
})

test('the checkup names the primary that has a problem', async () => {
  const prefix = freshPrefix()
  const primary = await cluster.primaryOf(prefix)
  await primary.client.config('SET', 'appendfsync', 'everysec')
  await primary.client.config('SET', 'cluster-require-full-coverage', 'yes')
  onTestFinished(async () => {
    await primary.client.config('SET', 'appendfsync', 'always')
    await primary.client.config('SET', 'cluster-require-full-coverage', 'no')
  })
  const { logger } = createRecordingLogger('silent')
  const checkup = await fetchRedisCheckup({ redisUrl: cluster.url, prefix, logger })
  expect(checkup.durabilityProblems).toEqual([
    `${primary.name}: appendfsync is "everysec": a crash loses the last deliveries acknowledged; set always`,
  ])
  expect(checkup.primaries).toHaveLength(3)
  for (const one of checkup.primaries) {
    expect(one).toMatchObject({ isReplica: false, replicas: 1, needsAllOthers: one.node === primary.name })
  }
})

test('a prefix without braces is refused, because its keys would be in several slots', () => {
  const { logger } = createRecordingLogger('silent')
  const open = () => createProducer({ redisUrl: cluster.url, prefix: 'vss', logger, commandTimeoutMs: 500 })
  expect(open).toThrow(
    'QUEUE_PREFIX is "vss": in a Redis Cluster it takes a name with a part in braces, such as {vss}',
  )
})

test('a cluster that is down is told as that', async () => {
  const { logger } = createRecordingLogger('silent')
  const own = await startRedisCluster({ replicas: 0 })
  onTestFinished(() => own.stop())
  await own.nodes[0]!.kill()
  await own.nodes[1]!.kill()
  const { client } = own.nodes[2]!
  const isDown = async () => ((await client.cluster('INFO')) as string).includes('cluster_state:fail')
  await until('A cluster that is down', isDown, failoverMs)
  const state = fetchRedisState({ redisUrl: own.url, prefix: freshPrefix(), logger })
  await expect(state).rejects.toThrow(/the cluster is down|ECONNREFUSED/)
})

test('a wrong password is told as Redis says it, and not shown', async () => {
  const { logger } = createRecordingLogger('silent')
  const redisUrl = cluster.url.replace(/:[^:@]+@/, ':hunter2@')
  const error = await fetchRedisState({ redisUrl, prefix: freshPrefix(), logger }).catch((error) => error)
  expect(error.message).toMatch(/^WRONGPASS /)
  expect(hasAnswered(error)).toBe(true)
  expect(String(error.stack)).not.toContain('hunter2')
})

test('an error of the work is told, and not that of a node which is away', async () => {
  const { logger } = createRecordingLogger('silent')
  const prefix = freshPrefix()
  const primary = await cluster.primaryOf(prefix)
  await primary.client.set(`${prefix}:processes`, 'a text in place of a set')
  const other = cluster.nodes.slice(0, 3).find((node) => node !== primary)!
  await other.kill()
  onTestFinished(() => other.start())
  const error = await fetchRedisState({ redisUrl: cluster.url, prefix, logger }).catch((error) => error)
  expect(error.message).toMatch(/WRONGTYPE/)
})
