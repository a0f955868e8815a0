import { generateEvents } from '@vss-pipeline/generator'
import { startService, until } from '@vss-pipeline/local-stack'
import { readWatermark } from '@vss-pipeline/storage'
import { expect, onTestFinished, test } from 'vitest'
import { expectKept, type FaultyPipeline, startFaultyPipeline } from '../../support/faulty-pipeline.ts'
import { killProcess } from '../../support/faulty-server.ts'
import { lockLedger } from '../../support/ledger-lock.ts'
import { type Acknowledged, postUntilAcknowledged } from '../../support/load.ts'
import { redisCommand } from '../../support/redis-command.ts'
import { readMetric } from '../../support/service-metric.ts'

const soon = { timeoutMs: 20_000 }

async function post({ webhookUrl }: FaultyPipeline, seed: string): Promise<Acknowledged[]> {
  const events = generateEvents({ seed, count: 50 })
  const { acknowledged, answers } = await postUntilAcknowledged(webhookUrl, events, { connections: 4 })
  expect(Object.fromEntries(answers)).toEqual({ 200: 50 })
  return acknowledged
}

async function untilReason({ pool }: FaultyPipeline, expected: RegExp): Promise<void> {
  await until(
    `A watermark that says ${expected}`,
    async () => expected.test((await readWatermark(pool)).reason),
    soon,
  )
}

test('the watermark waits for deliveries in the queue, and the metric shows it', async () => {
  const pipeline = await startFaultyPipeline()
  const { postgres, workers, pool } = pipeline
  const first = await post(pipeline, 'first')
  await expectKept(pipeline, first, { withinMs: 20_000 })
  const lock = await lockLedger(postgres.url)
  const second = await post(pipeline, 'second')
  await untilReason(pipeline, /^deliveries wait in the queue$/)
  await lock.release()
  await expectKept(pipeline, [...first, ...second], { withinMs: 20_000 })
  await untilReason(pipeline, /^nothing waits$/)
  const { completeUntilMs } = await readWatermark(pool)
  const shown = () => readMetric(workers[0]!.opsUrl, 'vss_complete_until_timestamp_seconds')
  await until('The metric', async () => (await shown()) >= completeUntilMs! / 1000, soon)
})

test('it waits for the spool of an ingest that is gone, also where Redis has forgotten that ingest', async () => {
  const pipeline = await startFaultyPipeline()
  const { redis, ingest, pool } = pipeline
  await expectKept(pipeline, await post(pipeline, 'before'), { withinMs: 20_000 })
  await redis.kill()
  await untilReason(pipeline, /^Redis is away$/)
  const spooled = await post(pipeline, 'spooled')
  await killProcess(ingest)
  await redis.start()
  await redisCommand(redis.url, 'FLUSHALL')

  await untilReason(pipeline, /^ingest [0-9a-f]{32} \(.*:.*spool\) is silent since /)
  const another = await startService('ingest', {
    databaseUrl: pipeline.databaseUrl,
    redisUrl: pipeline.redisUrl,
    env: { QUEUE_PREFIX: pipeline.queuePrefix, SPOOL_DIR: `${pipeline.spoolDir}-of-another` },
  })
  onTestFinished(() => another.stop())
  const { completeUntilMs } = await readWatermark(pool)
  const told = async () => (await readWatermark(pool)).ingests
  await until('The other ingest', async () => (await told()).length === 2, soon)
  expect((await readWatermark(pool)).completeUntilMs, 'while the spool is nobody’s').toBe(completeUntilMs)

  await pipeline.startIngest()
  await expectKept(pipeline, spooled, { withinMs: 30_000 })
  await untilReason(pipeline, /^nothing waits$/)
})

test('an ingest says goodbye, and no longer holds it', async () => {
  const pipeline = await startFaultyPipeline()
  const { ingest, pool, startIngest } = pipeline
  await until('The ingest', async () => (await readWatermark(pool)).ingests.length === 1, soon)
  await ingest.stop()
  await until('Its goodbye', async () => (await readWatermark(pool)).ingests.length === 0, soon)
  await startIngest()
  await until('Its return', async () => (await readWatermark(pool)).ingests.length === 1, soon)
})

test('it goes on when one of two workers is cut off from Redis', async () => {
  const pipeline = await startFaultyPipeline()
  const { databaseUrl, queuePrefix, redis, network, ingest, pool } = pipeline
  await ingest.stop()
  const direct = { databaseUrl, redisUrl: redis.url, env: { QUEUE_PREFIX: queuePrefix } }
  for (const name of ['ingest', 'worker'] as const) {
    const service = await startService(name, direct)
    onTestFinished(() => service.stop())
  }
  network.redis.reset({ refuse: true })
  const cutOffAtMs = Date.now()
  const completeUntilMs = async () => (await readWatermark(pool)).completeUntilMs ?? 0
  await until('A later watermark', async () => (await completeUntilMs()) > cutOffAtMs + 5_000, soon)
})

test('an ingest that only Postgres remembers is forgotten when another one has looked at its empty spool', async () => {
  const pipeline = await startFaultyPipeline()
  const { databaseUrl, redisUrl, queuePrefix, spoolDir, redis, ingest, pool } = pipeline
  const other = await startService('ingest', {
    databaseUrl,
    redisUrl,
    env: { QUEUE_PREFIX: queuePrefix, SPOOL_DIR: spoolDir },
  })
  onTestFinished(() => other.stop())
  await until('Two ingests', async () => (await readWatermark(pool)).ingests.length === 2, soon)
  await killProcess(other)
  await killProcess(ingest)
  await redisCommand(redis.url, 'FLUSHALL')
  await pipeline.startIngest()
  await until('One ingest', async () => (await readWatermark(pool)).ingests.length === 1, soon)
  await untilReason(pipeline, /^nothing waits$/)
})
