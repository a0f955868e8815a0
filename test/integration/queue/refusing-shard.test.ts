import { until } from '@vss-pipeline/local-stack'
import {
  createProducer,
  openTopology,
  type Producer,
  QueueUnavailableError,
  type Shard,
} from '@vss-pipeline/queue'
import { afterEach, beforeEach, describe, expect, onTestFinished, test } from 'vitest'
import { freshPrefix } from '../../support/batches.ts'
import { makeDelivery } from '../../support/deliveries.ts'
import { startOwnRedis } from '../../support/own-redis.ts'
import { createRecordingLogger, type RecordingLogger } from '../../support/recording-logger.ts'

const redis = await startOwnRedis()
const user = 'ingest'
const password = 'of the ingest'
const within = { timeoutMs: 10_000 }

let prefix: string
let recording: RecordingLogger
let producer: Producer

beforeEach(async () => {
  prefix = freshPrefix()
  recording = createRecordingLogger()
  await allow('~*')
  const url = Object.assign(new URL(redis.url), { username: user, password })
  producer = createProducer({
    redisUrl: url.href,
    prefix,
    shards: 3,
    logger: recording.logger,
    commandTimeoutMs: 1_000,
  })
  await producer.awaitConnection(5_000)
  await until('All shards', async () => (await filledShards()).size === 3, within)
  return () => producer.close()
})

afterEach(async () => {
  await redis.client.flushall()
})

/** Lets the producer use only keys of these patterns. Redis refuses any other, as it would on a node that is full. */
async function allow(...patterns: string[]): Promise<void> {
  await redis.client.call('ACL', 'SETUSER', user, 'reset', 'on', `>${password}`, '+@all', '&*', ...patterns)
}

/** Lets Redis refuse the writes to some shards, from now on. */
async function refuse(...indexes: number[]): Promise<void> {
  const taking = producer.shards.filter(({ index }) => !indexes.includes(index))
  await allow(`~${prefix}:shards`, ...taking.map(({ queue }) => `~${queue.toKey('*')}`))
}

async function batchesIn({ index }: Pick<Shard, 'index'>): Promise<number> {
  const { shards } = openTopology({ client: redis.client, prefix, shards: 3 })
  return await shards[index]!.queue.getWaitingCount()
}

/** The shards that take some more batches. */
async function filledShards(): Promise<Set<number>> {
  const before = await Promise.all(producer.shards.map(batchesIn))
  for (let sent = 0; sent < 30; sent++) await producer.enqueue([makeDelivery()])
  const after = await Promise.all(producer.shards.map(batchesIn))
  return new Set(after.flatMap((count, index) => (count > before[index]! ? [index] : [])))
}

describe('while one shard takes no batches', () => {
  test('every batch goes to the others, and none fails', async () => {
    await refuse(1)
    expect(await filledShards()).toEqual(new Set([0, 2]))
    expect(recording.messages('warn')).toEqual(['Redis does not take batches'])
    expect(JSON.parse(recording.lines.at(-1)!)).toMatchObject({ shard: 1 })
  })

  test('it is tried by probes, not by batches', async () => {
    await refuse(1)
    await filledShards()
    const refused = () => refusals().then((all) => all.filter((key) => key.endsWith(':open')).length)
    const before = await refused()
    await filledShards()
    expect(await refused()).toBe(before)
    expect(await refusals()).toContain(producer.shards[1]!.queue.toKey('probe'))
  })

  test('it takes batches again by itself', async () => {
    await refuse(1)
    await filledShards()
    await allow('~*')
    await until('All shards', async () => (await filledShards()).size === 3, within)
    expect(recording.messages('info').at(-1)).toBe('Redis takes batches again')
  })

  test('ingest is ready', async () => {
    await refuse(0, 1)
    await producer.probe()
    await refuse(0, 1, 2)
    await expect(producer.probe()).rejects.toThrow('NOPERM')
  })
})

test('where no shard takes a batch, it fails at once, and works again when one does', async () => {
  await refuse(0, 1, 2)
  await expect(producer.enqueue([makeDelivery()])).rejects.toThrow(QueueUnavailableError)
  const startedAt = performance.now()
  await expect(producer.enqueue([makeDelivery()])).rejects.toThrow(QueueUnavailableError)
  expect(performance.now() - startedAt).toBeLessThan(100)
  await refuse(0, 1)
  const isTaken = () =>
    producer.enqueue([makeDelivery()]).then(
      () => true,
      () => false,
    )
  await until('An enqueue', isTaken, within)
  expect(await filledShards()).toEqual(new Set([2]))
})

test('no shard is filled before all of them are registered', async () => {
  const fresh = freshPrefix()
  await allow(`~${fresh.replace(/[{}]/g, '')}*`)
  const url = Object.assign(new URL(redis.url), { username: user, password })
  const { logger } = recording
  const early = createProducer({
    redisUrl: url.href,
    prefix: fresh,
    shards: 3,
    logger,
    commandTimeoutMs: 1_000,
  })
  onTestFinished(() => early.close())
  await early.awaitConnection(500)
  await expect(early.enqueue([makeDelivery()])).rejects.toThrow(QueueUnavailableError)
  await allow('~*')
  await until(
    'Its readiness',
    () =>
      early.enqueue([makeDelivery()]).then(
        () => true,
        () => false,
      ),
    within,
  )
  expect(await redis.client.get(`${fresh}:shards`)).toBe('3')
})

/** The keys that Redis has refused to the producer. */
async function refusals(): Promise<string[]> {
  const entries = (await redis.client.call('ACL', 'LOG', '128')) as unknown[][]
  return entries.map((entry) => String(entry[entry.indexOf('object') + 1]))
}
