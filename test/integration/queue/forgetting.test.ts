import { randomBytes } from 'node:crypto'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { until } from '@vss-pipeline/local-stack'
import { createConsumer, createProducer, readQueueStatus } from '@vss-pipeline/queue'
import { expect, onTestFinished, test } from 'vitest'
import { freshPrefix } from '../../support/batches.ts'
import { makeDelivery } from '../../support/deliveries.ts'
import { startOwnRedis } from '../../support/own-redis.ts'
import { createRecordingLogger } from '../../support/recording-logger.ts'
import { untilConnected } from '../../support/redis-connection.ts'
import { createGate } from './gate.ts'

const redis = await startOwnRedis()

/** Whether a text is in the files from which Redis would start again. */
async function isInFiles(text: string): Promise<boolean> {
  const [[, dir], [, folder]] = (await Promise.all([
    redis.client.config('GET', 'dir'),
    redis.client.config('GET', 'appenddirname'),
  ])) as [[string, string], [string, string]]
  const path = join(dir, folder)
  const files = await Promise.all((await readdir(path)).map((file) => readFileIfThere(join(path, file))))
  return files.some((content) => content.includes(text))
}

/** Redis renames its temporary files at any time. */
async function readFileIfThere(path: string): Promise<Buffer> {
  try {
    return await readFile(path)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return Buffer.alloc(0)
    throw error
  }
}

test('bodies leave the append-only file only once the queue has been empty for a while', async () => {
  const prefix = freshPrefix()
  const { logger, messages } = createRecordingLogger()
  const producer = createProducer({ redisUrl: redis.url, prefix, logger, commandTimeoutMs: 5_000 })
  onTestFinished(() => producer.close())
  await untilConnected(producer)
  // Together larger than the data of an empty Redis.
  const bodies = Array.from({ length: 5 }, () => randomBytes(50_000).toString('base64'))
  for (const body of bodies) await producer.enqueue([makeDelivery(body)])
  const [first] = await producer.shards[0]!.queue.getWaiting()
  const payload = JSON.stringify((first!.data as { events: string }).events).slice(1, 60)
  expect(await isInFiles(payload)).toBe(true)

  const gate = createGate()
  let handled = 0
  const consumer = createConsumer({
    redisUrl: redis.url,
    prefix,
    concurrency: 8,
    logger,
    idleCheckIntervalMs: 20,
    async handle() {
      if (++handled === bodies.length) await gate.passed
      return 'done'
    },
  })
  onTestFinished(() => consumer.close())
  const inHand = async () => (await readQueueStatus(producer.topology)).jobs.active
  await until('one batch in hand', async () => handled === bodies.length && (await inHand()) === 1, {
    timeoutMs: 5_000,
  })
  expect(await isInFiles(payload)).toBe(true)
  expect(messages('info').filter((message) => message.includes('rewrites'))).toEqual([])

  gate.open()
  await until('a file without bodies', async () => !(await isInFiles(payload)), { timeoutMs: 10_000 })
  expect(messages('info').filter((message) => message.includes('rewrites'))).toHaveLength(1)
})
