import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { createTemporaryFolder, until } from '@vss-pipeline/local-stack'
import { createProducer, decodeBatch, type Producer } from '@vss-pipeline/queue'
import type { Delivery } from '@vss-pipeline/vss'
import { beforeEach, expect, onTestFinished, test } from 'vitest'
import { openSpool } from '../../../services/ingest/src/spool/spool.ts'
import { createSpooler, type Spooler } from '../../../services/ingest/src/spool/spooler.ts'
import { makeDelivery } from '../../deliveries.ts'
import { freshPrefix } from '../queue/batches.ts'
import { startOwnRedis } from '../queue/own-redis.ts'
import { createRecordingLogger, type RecordingLogger } from '../queue/recording-logger.ts'

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
  await until('the connection', () => producer.client.status === 'ready', { timeoutMs: 5_000 })
  return producer
}

async function startSpooler(producer: Pick<Producer, 'enqueue'>, maxBytes = 2 ** 20): Promise<Spooler> {
  const spool = await openSpool({ dir, maxBytes })
  const spooler = createSpooler({ spool, producer, logger: recording.logger })
  let closing: Promise<void> | undefined
  const close = () => (closing ??= spooler.close())
  onTestFinished(close)
  return {
    ...spooler,
    close,
    get isQueueAway() {
      return spooler.isQueueAway
    },
  }
}

/** The ids in the queue, in the order in which they came. */
async function queuedIds({ queue }: Producer): Promise<string[]> {
  const jobs = await queue.getJobs(['wait'], 0, -1, true)
  return jobs.flatMap((job) => (decodeBatch(job.data) as Delivery[]).map(({ deliveryId }) => deliveryId))
}

test('what is spooled while Redis is away is enqueued in order within a second of its return', async () => {
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

test('a delivery comes back as it was given', async () => {
  const delivery = { ...makeDelivery(), sourceIp: '2001:db8::1', body: Buffer.from([0, 255, 128, 34]) }
  const enqueued: Delivery[] = []
  const spooler = await startSpooler({ enqueue: async (deliveries) => void enqueued.push(...deliveries) })
  await spooler.keep(delivery)
  await until('it to be enqueued', () => enqueued.length > 0, { timeoutMs: 5_000 })
  expect(enqueued).toEqual([{ ...delivery, body: new Uint8Array(delivery.body) }])
})

test('what is left at the end is there at the next start', async () => {
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

test('takes nothing above its limit, and leaves the queue to be tried again', async () => {
  const unavailable = { enqueue: () => pause(20).then(() => Promise.reject(new Error('away'))) }
  const spooler = await startSpooler(unavailable, 2_000)
  await spooler.keep(makeDelivery('x'.repeat(1_500)))
  await expect(spooler.keep(makeDelivery('x'.repeat(500)))).rejects.toThrow('SPOOL_MAX_BYTES is 2000')
})

test('a folder that cannot be used is an error that says so', async () => {
  await writeFile(dir, 'a file')
  await expect(openSpool({ dir, maxBytes: 2 ** 20 })).rejects.toThrow(dir)
})
