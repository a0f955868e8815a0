import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Delivery } from '@vss-pipeline/delivery'
import { createTemporaryFolder, until } from '@vss-pipeline/local-stack'
import { createProducer, openBatch, type Producer, QueueUnavailableError } from '@vss-pipeline/queue'
import { beforeEach, expect, onTestFinished, test } from 'vitest'
import { openSpool } from '../../../services/ingest/src/spool/spool.ts'
import { createSpooler, type Spooler } from '../../../services/ingest/src/spool/spooler.ts'
import { freshPrefix } from '../../support/batches.ts'
import { makeDelivery } from '../../support/deliveries.ts'
import { startOwnRedis } from '../../support/own-redis.ts'
import { createRecordingLogger, type RecordingLogger } from '../../support/recording-logger.ts'
import { untilConnected } from '../../support/redis-connection.ts'

const redis = await startOwnRedis()
let dir: string
let recording: RecordingLogger

beforeEach(async () => {
  await redis.start()
  recording = createRecordingLogger()
  const folder = await createTemporaryFolder()
  dir = join(folder.path, 'spool')
  return () => folder.remove()
})

async function startProducer(): Promise<Producer> {
  const { logger } = recording
  const producer = createProducer({
    redisUrl: redis.url,
    prefix: freshPrefix(),
    logger,
    commandTimeoutMs: 500,
  })
  onTestFinished(() => producer.close())
  await untilConnected(producer)
  return producer
}

async function startSpooler(producer: Pick<Producer, 'enqueue'>, maxBytes = 2 ** 20): Promise<Spooler> {
  const spool = await openSpool({ dir, maxBytes })
  const spooler = createSpooler({
    spool,
    adopt: async () => (await spool.adopt()).deliveries,
    producer,
    logger: recording.logger,
    closeTimeoutMs: 5_000,
  })
  let closing: Promise<void> | undefined
  const close = () => (closing ??= spooler.close())
  onTestFinished(close)
  return {
    keep: spooler.keep,
    close,
    get isQueueAway() {
      return spooler.isQueueAway
    },
    get takesDeliveries() {
      return spooler.takesDeliveries
    },
    get isWithholding() {
      return spooler.isWithholding
    },
  }
}

/** The ids in the queue, in the order of their arrival. */
async function queuedIds({ shards }: Producer): Promise<string[]> {
  const jobs = await shards[0]!.queue.getJobs(['wait'], 0, -1, true)
  return jobs.flatMap((job) => openBatch(job.data).deliveryIds)
}

test('deliveries that were spooled while Redis was away are enqueued in order within a second of its return', async () => {
  const producer = await startProducer()
  const spooler = await startSpooler(producer)
  await redis.stop()

  const deliveries = Array.from({ length: 1_200 }, (_, index) => makeDelivery(String(index)))
  for (const delivery of deliveries.slice(0, 10)) await spooler.keep(delivery)
  await Promise.all(deliveries.slice(10).map((delivery) => spooler.keep(delivery)))
  expect(spooler.isQueueAway).toBe(true)

  await redis.start()
  const backAt = performance.now()
  await until('the queue to be taken up again', () => !spooler.isQueueAway, {
    timeoutMs: 5_000,
    pollMs: 5,
  })
  expect(performance.now() - backAt).toBeLessThan(1_000)
  await until('all to be enqueued', async () => (await queuedIds(producer)).length >= deliveries.length, {
    timeoutMs: 5_000,
  })
  expect(await queuedIds(producer)).toEqual(deliveries.map(({ deliveryId }) => deliveryId))
  expect(recording.messages('warn').filter((message) => message.includes('spool'))).toEqual([
    'the queue is away: deliveries are kept in the spool',
  ])
})

test('a delivery comes back as it was kept', async () => {
  const delivery = { ...makeDelivery(), sourceIp: '2001:db8::1', body: Buffer.from([0, 255, 128, 34]) }
  const enqueued: Delivery[] = []
  const spooler = await startSpooler({ enqueue: async (deliveries) => void enqueued.push(...deliveries) })
  await spooler.keep(delivery)
  await until('it to be enqueued', () => enqueued.length > 0, { timeoutMs: 5_000 })
  expect(enqueued).toEqual([{ ...delivery, body: new Uint8Array(delivery.body) }])
})

test('deliveries that are left at the close are there at the next start', async () => {
  const producer = await startProducer()
  const before = await startSpooler(producer)
  await redis.stop()
  const deliveries = [makeDelivery('a'), makeDelivery('b')]
  for (const delivery of deliveries) await before.keep(delivery)
  await before.close()
  expect(recording.messages('warn')).toContain('deliveries stay in the spool for the next start')

  await redis.start()
  await startSpooler(producer)
  await until('both to be enqueued', async () => (await queuedIds(producer)).length >= 2, {
    timeoutMs: 5_000,
  })
  expect(await queuedIds(producer)).toEqual(deliveries.map(({ deliveryId }) => deliveryId))
})

test('the close enqueues deliveries while the queue takes them', async () => {
  const enqueued: Delivery[] = []
  const closing = Promise.withResolvers<void>()
  const spooler = await startSpooler({
    async enqueue(batch) {
      await closing.promise
      enqueued.push(...batch)
    },
  })
  const deliveries = Array.from({ length: 1_200 }, (_, index) => makeDelivery(String(index)))
  await Promise.all(deliveries.map((delivery) => spooler.keep(delivery)))
  const closed = spooler.close()
  closing.resolve()
  await closed
  expect(enqueued.map(({ deliveryId }) => deliveryId)).toEqual(deliveries.map(({ deliveryId }) => deliveryId))
})

test('a batch that is tried again has the same deliveries and the same id, whatever was spooled since', async () => {
  const tries: { ids: string[]; batchId: string | undefined }[] = []
  const away = new QueueUnavailableError('away')
  const spooler = await startSpooler({
    async enqueue(batch, batchId) {
      tries.push({ ids: batch.map(({ deliveryId }) => deliveryId), batchId })
      if (tries.length < 3) throw away
    },
  })
  const deliveries = [makeDelivery('a'), makeDelivery('b')]
  await spooler.keep(deliveries[0]!)
  await until('a try', () => tries.length > 0, { timeoutMs: 5_000 })
  await spooler.keep(deliveries[1]!)
  await until('all tries', () => tries.length === 4, { timeoutMs: 5_000 })
  expect(tries.slice(0, 3)).toEqual(Array(3).fill(tries[0]))
  expect(tries.map(({ ids }) => ids)).toEqual([0, 0, 0, 1].map((index) => [deliveries[index]!.deliveryId]))
  expect(tries[3]!.batchId).not.toBe(tries[0]!.batchId)
})

test('a full spool refuses, logs that once, and does not make senders wait for the queue first', async () => {
  let isAway = true
  const producer = {
    async enqueue() {
      if (isAway) throw new QueueUnavailableError('away')
    },
  }
  const spooler = await startSpooler(producer, 2_000)
  expect(spooler.takesDeliveries).toBe(true)
  await spooler.keep(makeDelivery('x'.repeat(1_500)))
  for (let times = 0; times < 3; times++) {
    await expect(spooler.keep(makeDelivery('x'.repeat(500)))).rejects.toThrow('SPOOL_MAX_BYTES is 2000')
  }
  expect({ isQueueAway: spooler.isQueueAway, takesDeliveries: spooler.takesDeliveries }).toEqual({
    isQueueAway: true,
    takesDeliveries: false,
  })
  expect(recording.messages('error')).toEqual(['the queue is away, and the spool does not take deliveries'])

  isAway = false
  await until('room again', () => spooler.takesDeliveries, { timeoutMs: 5_000 })
  await spooler.keep(makeDelivery('x'.repeat(500)))
})

test('after the refusal of an empty spool, the next delivery tries the queue', async () => {
  const spooler = await startSpooler({ enqueue: async () => undefined }, 1_000)
  await expect(spooler.keep(makeDelivery('x'.repeat(1_500)))).rejects.toThrow('SPOOL_MAX_BYTES is 1000')
  expect(spooler.isQueueAway).toBe(false)
})

test('a folder that cannot be used is an error that names it', async () => {
  await writeFile(dir, 'a file')
  await expect(openSpool({ dir, maxBytes: 2 ** 20 })).rejects.toThrow(dir)
})
