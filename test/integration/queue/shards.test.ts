import { until } from '@vss-pipeline/local-stack'
import {
  createConsumer,
  createProducer,
  createWatermarkSource,
  observeQueue,
  openBatch,
  openTopology,
  type Producer,
  readQueueStatus,
  tellMark,
} from '@vss-pipeline/queue'
import { createMetricsRegistry } from '@vss-pipeline/runtime/service'
import { v7 as uuidv7 } from 'uuid'
import { expect, inject, onTestFinished, test } from 'vitest'
import { bodiesOf, freshPrefix } from '../../support/batches.ts'
import { makeDelivery } from '../../support/deliveries.ts'
import { createRecordingLogger } from '../../support/recording-logger.ts'
import { createGate } from './gate.ts'

const redisUrl = inject('redisUrl')
const shards = 3
const within = { timeoutMs: 20_000 }
const { logger } = createRecordingLogger()

async function openProducer(options: { prefix?: string; shards?: number } = {}) {
  const { prefix = freshPrefix() } = options
  const producer = createProducer({ redisUrl, shards, logger, commandTimeoutMs: 5_000, ...options, prefix })
  onTestFinished(async () => {
    for (const { queue } of producer.topology.shards) await queue.obliterate({ force: true })
    await producer.close()
  })
  await producer.awaitConnection(5_000)
  return { producer, prefix }
}

/** A consumer of one shard, unless it is told of more. `handled` has the bodies in the order in which they came. */
function openConsumer(prefix: string, options: { shards?: number; hold?: Promise<void> } = {}) {
  const handled: string[] = []
  const consumer = createConsumer({
    redisUrl,
    prefix,
    concurrency: 8,
    logger,
    ...options,
    async handle(batch) {
      handled.push(...bodiesOf(batch))
      await options.hold
      return 'done'
    },
  })
  onTestFinished(() => consumer.close())
  return { consumer, handled }
}

/** Enqueues a batch for each body, until every shard has one. */
async function fillAll(producer: Producer): Promise<string[]> {
  const bodies: string[] = []
  const isFilled = async () => {
    const counts = await Promise.all(producer.shards.map(({ queue }) => queue.getWaitingCount()))
    return counts.every((count) => count > 0)
  }
  while (!(await isFilled())) {
    bodies.push(String(bodies.length))
    await producer.enqueue([makeDelivery(bodies.at(-1))])
  }
  return bodies
}

test('batches spread over the queues, and a consumer drains them all', async () => {
  const { producer, prefix } = await openProducer()
  const sent = Array.from({ length: 60 }, (_, number) => String(number))
  for (const body of sent) await producer.enqueue([makeDelivery(body)])
  const waiting = await Promise.all(producer.shards.map(({ queue }) => queue.getWaitingCount()))
  expect(waiting.reduce((sum, count) => sum + count)).toBe(sent.length)
  // At equal chances, one of three queues gets less than 5 of 60 batches once in 300,000 runs.
  for (const count of waiting) expect(count).toBeGreaterThanOrEqual(5)

  const { handled } = openConsumer(prefix, { shards })
  await until('The handling of all', () => handled.length >= sent.length, within)
  expect(handled.sort()).toEqual(sent.sort())
})

test('a batch that is sent again is not added again, in any of the queues', async () => {
  const { producer } = await openProducer()
  const ids = Array.from({ length: 12 }, () => uuidv7())
  for (const id of [...ids, ...ids]) await producer.enqueue([makeDelivery(id)], id)
  const jobs = await Promise.all(producer.shards.map(({ queue }) => queue.getJobs(['waiting'])))
  expect(
    jobs
      .flat()
      .map(({ id }) => id)
      .sort(),
  ).toEqual(ids.sort())
})

test('a batch that waits in the only queue is still found when there are more queues', async () => {
  const { producer: single, prefix } = await openProducer({ shards: 1 })
  const delivery = makeDelivery('before')
  await single.enqueue([delivery])
  const { producer } = await openProducer({ prefix })
  const [job] = await producer.shards[0]!.queue.getJobs(['waiting'])
  expect(openBatch(job?.data).deliveryIds).toEqual([delivery.deliveryId])
})

test('a consumer that is told of one queue drains all that an ingest fills', async () => {
  const { producer, prefix } = await openProducer()
  const sent = await fillAll(producer)
  const { consumer, handled } = openConsumer(prefix)
  await until('The handling of all', () => handled.length >= sent.length, within)
  expect(handled.sort()).toEqual(sent.sort())
  expect(consumer.shards.map(({ index }) => index).sort()).toEqual([0, 1, 2])
})

test('a consumer does not open the queues that were filled once and hold nothing', async () => {
  const { producer, prefix } = await openProducer()
  const { consumer, handled } = openConsumer(prefix)
  await producer.shards[2]!.queue.add('batch of 1', { v: 1 })
  await until('The reading of the queue that is filled', () => consumer.shards.length > 1, within)
  expect(consumer.shards.map(({ index }) => index)).toEqual([0, 2])
  expect(handled).toEqual([])
})

test.each(['nan', 'inf'])('a number of queues that is none, "%s", does not hide any', async (value) => {
  const { producer, prefix } = await openProducer()
  await producer.client.set(`${prefix}:shards`, value)
  await until(
    'The queues',
    async () => (await openTopologyOf(producer, prefix).update()).length === 3,
    within,
  )
})

test('a value of another type in place of the number of queues does not hide any', async () => {
  const { producer, prefix } = await openProducer()
  await producer.client.del(`${prefix}:shards`)
  await producer.client.rpush(`${prefix}:shards`, 'one')
  const isReplaced = async () => (await producer.client.type(`${prefix}:shards`)) === 'string'
  await until('The number', isReplaced, within)
  expect(await openTopologyOf(producer, prefix).update()).toHaveLength(3)
})

function openTopologyOf({ client }: Producer, prefix: string) {
  return openTopology({ client, prefix })
}

test('batches in hand are bounded over all queues together', async () => {
  const gate = createGate()
  const { producer, prefix } = await openProducer()
  for (let sent = 0; sent < 60; sent++) await producer.enqueue([makeDelivery()])
  const { handled } = openConsumer(prefix, { shards, hold: gate.passed })
  onTestFinished(() => gate.open())
  const inHand = async () => (await readQueueStatus(producer.topology)).jobs.active
  await until('Two in hand of each queue', async () => (await inHand()) === 6, within)
  // The pace is judged anew each second, and must not let in more.
  const pings = await pingsOf(producer)
  await until('Another look at the pace', async () => (await pingsOf(producer)) >= pings + 2, within)
  expect(handled).toHaveLength(6)
})

/** How often Redis was pinged, which a consumer does once a second. */
async function pingsOf({ client }: Producer): Promise<number> {
  return Number(/^cmdstat_ping:calls=(\d+)/m.exec(await client.info('commandstats'))?.[1] ?? 0)
}

test('the watermark counts batches in every registered queue', async () => {
  const { producer, prefix } = await openProducer()
  await fillAll(producer)
  const { producer: single } = await openProducer({ prefix, shards: 1 })
  const old = makeDelivery('{}', 90)
  const { queue } = producer.shards[2]!
  await producer.client.zadd(queue.toKey('open'), old.receivedAtMs, uuidv7())
  const source = createWatermarkSource({ topology: single.topology, abandonedAfterMs: 500 })
  expect((await source.read()).oldestOpenMs).toBe(old.receivedAtMs)
  // The note of a batch that has gone on to another shard does not hold the watermark for ever.
  const isClosed = async () => (await source.read()).oldestOpenMs! > old.receivedAtMs
  await until('The end of the batch without a job', isClosed, within)
})

test('the watermark counts batches in the queues that an ingest tells of with its mark, registered or not', async () => {
  const { producer: single, prefix } = await openProducer({ shards: 1 })
  const old = makeDelivery('{}', 90)
  const { shards: filled } = openTopology({ client: single.client, prefix, shards })
  await single.client.zadd(filled[2]!.queue.toKey('open'), old.receivedAtMs, uuidv7())
  const nowMs = Date.now()
  await tellMark(single.client, prefix, {
    id: 'folder',
    place: 'host-1',
    hasSpool: true,
    shards,
    untilMs: nowMs,
    clockMs: nowMs,
    processId: 'one',
  })

  const source = createWatermarkSource({ topology: single.topology })

  expect((await source.read()).oldestOpenMs).toBe(old.receivedAtMs)
})

test('the status has the deliveries of all queues, and the age of the oldest since its receipt', async () => {
  const { producer } = await openProducer()
  const early = { ...makeDelivery('early'), receivedAtMs: Date.now() - 90_000 }
  for (const size of [1, 20, 300, 4]) {
    await producer.enqueue([...Array.from({ length: size - 1 }, () => makeDelivery()), early])
  }
  const status = await readQueueStatus(producer.topology)
  expect(status.jobs).toEqual({ waiting: 4, active: 0, delayed: 0, failed: 0 })
  expect(status.deliveries).toBe(325)
  expect(status.oldestWaitingSeconds).toBeGreaterThanOrEqual(90)
})

test('the status estimates the deliveries of many batches', async () => {
  const { producer } = await openProducer()
  const deliveries = [makeDelivery(), makeDelivery(), makeDelivery()]
  await Promise.all(Array.from({ length: 400 }, () => producer.enqueue(deliveries)))
  const status = await readQueueStatus(producer.topology)
  expect(status).toMatchObject({ jobs: { waiting: 400 }, deliveries: 1_200 })
})

test('metrics have the whole, and each queue by its number', async () => {
  const { producer } = await openProducer()
  const registry = createMetricsRegistry()
  observeQueue({ registry, topology: producer.topology })
  await producer.enqueue([makeDelivery()])
  const metrics = await registry.metrics()
  expect(metrics).toMatch(/^vss_queue_jobs\{state="waiting"\} 1$/m)
  const waiting = [...metrics.matchAll(/^vss_shard_jobs\{shard="(\d)",state="waiting"\} (\d)$/gm)]
  expect(waiting.map(([, shard]) => shard)).toEqual(['0', '1', '2'])
  expect(waiting.map(([, , count]) => Number(count)).sort()).toEqual([0, 0, 1])
  expect(metrics).toMatch(/^vss_shard_oldest_waiting_seconds\{shard="2"\} [\d.e-]+$/m)
  expect(metrics).toMatch(/^vss_shard_up\{shard="2"\} 1$/m)
})
