import { randomBytes } from 'node:crypto'
import { until } from '@vss-pipeline/local-stack'
import { createConsumer, createProducer, QueueUnavailableError, readQueueStatus } from '@vss-pipeline/queue'
import { expect, onTestFinished, test } from 'vitest'
import { freshPrefix } from '../../support/batches.ts'
import { makeDelivery } from '../../support/deliveries.ts'
import { startOwnRedis } from '../../support/own-redis.ts'
import { createRecordingLogger } from '../../support/recording-logger.ts'
import { untilConnected } from '../../support/redis-connection.ts'

const redis = await startOwnRedis()

test('a Redis that fills up refuses new deliveries while it has room for the workers to drain it', async () => {
  const prefix = freshPrefix()
  const { logger } = createRecordingLogger()
  const producer = createProducer({ redisUrl: redis.url, prefix, logger, commandTimeoutMs: 2_000 })
  onTestFinished(() => producer.close())
  await untilConnected(producer)
  await redis.client.config('SET', 'maxmemory', '100mb')

  let accepted = 0
  let refusal: unknown
  while (refusal === undefined) {
    try {
      await producer.enqueue([makeDelivery(randomBytes(64 * 1024).toString('hex'))])
      accepted++
    } catch (error) {
      refusal = error
    }
  }
  expect(refusal).toBeInstanceOf(QueueUnavailableError)
  expect((refusal as Error).cause).toMatchObject({
    message: 'Redis is 85 % full: the rest is kept for workers',
  })

  let handled = 0
  const consumer = createConsumer({
    redisUrl: redis.url,
    prefix,
    concurrency: 4,
    logger,
    async handle() {
      handled++
      return 'done'
    },
  })
  onTestFinished(() => consumer.close())
  await until('the drain', async () => (await waitingJobs()) === 0 && handled >= accepted, {
    timeoutMs: 20_000,
  })

  await until('room for a delivery', () => takes(), { timeoutMs: 5_000 })

  async function waitingJobs(): Promise<number> {
    const { jobs } = await readQueueStatus(producer.topology)
    return jobs.waiting + jobs.active + jobs.delayed
  }
  async function takes(): Promise<boolean> {
    return producer.enqueue([makeDelivery('room')]).then(
      () => true,
      () => false,
    )
  }
})
