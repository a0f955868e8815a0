import { until } from '@vss-pipeline/local-stack'
import { createConsumer, createProducer, observeQueue, openBatch, readQueueStatus } from '@vss-pipeline/queue'
import { createMetricsRegistry } from '@vss-pipeline/runtime/service'
import { v7 as uuidv7 } from 'uuid'
import { expect, inject, onTestFinished, test } from 'vitest'
import { bodiesOf, freshPrefix } from '../../support/batches.ts'
import { makeDelivery } from '../../support/deliveries.ts'
import { createRecordingLogger } from '../../support/recording-logger.ts'

const redisUrl = inject('redisUrl')
const shards = 3
const { logger } = createRecordingLogger()

async function openProducer(prefix = freshPrefix()) {
  const producer = createProducer({ redisUrl, prefix, shards, logger, commandTimeoutMs: 5_000 })
  onTestFinished(async () => {
    for (const { queue } of producer.shards) await queue.obliterate({ force: true })
    await producer.close()
  })
  await producer.awaitConnection(5_000)
  return { producer, prefix }
}

test('batches spread over the queues, and a consumer drains them all', async () => {
  const { producer, prefix } = await openProducer()
  const sent = Array.from({ length: 60 }, (_, number) => String(number))
  for (const body of sent) await producer.enqueue([makeDelivery(body)])
  const waiting = await Promise.all(producer.shards.map(({ queue }) => queue.getWaitingCount()))
  expect(waiting.reduce((sum, count) => sum + count)).toBe(sent.length)
  // At equal chances, one of three queues gets less than 5 of 60 batches once in 300,000 runs.
  for (const count of waiting) expect(count).toBeGreaterThanOrEqual(5)

  const handled: string[] = []
  const consumer = createConsumer({
    redisUrl,
    prefix,
    shards,
    concurrency: 8,
    logger,
    async handle(batch) {
      handled.push(...bodiesOf(batch))
      return 'done'
    },
  })
  onTestFinished(() => consumer.close())
  await until('The handling of all', () => handled.length >= sent.length, { timeoutMs: 20_000 })
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
  const prefix = freshPrefix()
  const single = createProducer({ redisUrl, prefix, logger, commandTimeoutMs: 5_000 })
  onTestFinished(() => single.close())
  await single.awaitConnection(5_000)
  const delivery = makeDelivery('before')
  await single.enqueue([delivery])
  const { producer } = await openProducer(prefix)
  const [job] = await producer.shards[0]!.queue.getJobs(['waiting'])
  expect(openBatch(job?.data).deliveryIds).toEqual([delivery.deliveryId])
})

test('the status has the deliveries of all queues, and the age of the oldest since its receipt', async () => {
  const { producer } = await openProducer()
  const early = { ...makeDelivery('early'), receivedAtMs: Date.now() - 90_000 }
  for (const size of [1, 20, 300, 4]) {
    await producer.enqueue([...Array.from({ length: size - 1 }, () => makeDelivery()), early])
  }
  const status = await readQueueStatus(producer.shards, producer.client)
  expect(status.jobs).toEqual({ waiting: 4, active: 0, delayed: 0, failed: 0 })
  expect(status.deliveries).toBe(325)
  expect(status.oldestWaitingSeconds).toBeGreaterThanOrEqual(90)
})

test('the status estimates the deliveries of many batches', async () => {
  const { producer } = await openProducer()
  const deliveries = [makeDelivery(), makeDelivery(), makeDelivery()]
  await Promise.all(Array.from({ length: 400 }, () => producer.enqueue(deliveries)))
  const status = await readQueueStatus(producer.shards, producer.client)
  expect(status).toMatchObject({ jobs: { waiting: 400 }, deliveries: 1_200 })
})

test('metrics have a label for each queue', async () => {
  const { producer, prefix } = await openProducer()
  const registry = createMetricsRegistry()
  observeQueue({ registry, prefix, shards: producer.shards, client: producer.client })
  await producer.enqueue([makeDelivery()])
  const metrics = await registry.metrics()
  const waiting = [...metrics.matchAll(/^vss_queue_jobs\{state="waiting",shard="(\d)"\} (\d)$/gm)]
  expect(waiting.map(([, shard]) => shard)).toEqual(['0', '1', '2'])
  expect(waiting.map(([, , count]) => Number(count)).sort()).toEqual([0, 0, 1])
  expect(metrics).toMatch(/^vss_queue_oldest_waiting_seconds\{shard="2"\} [\d.e-]+$/m)
})
