import { setTimeout as pause } from 'node:timers/promises'
import { generateEvents } from '@vss-pipeline/generator'
import { type RunningService, until } from '@vss-pipeline/local-stack'
import { Redis } from 'ioredis'
import { expect, inject, onTestFinished, test } from 'vitest'
import { countLedger, expectAccountedFor } from '../../support/accounting.ts'
import { killBlockingClient } from '../../support/blocking-client.ts'
import { createTestDatabase } from '../../support/databases.ts'
import { isFlushBlocked, lockLedger } from '../../support/ledger-lock.ts'
import { postUntilAcknowledged } from '../../support/load.ts'
import { startRunningPipeline } from '../../support/running-pipeline.ts'
import { openTcpProxy } from '../../support/tcp-proxy.ts'

const shutdownTimeoutMs = 10_000

test('SIGTERM under load: ingest exits 0 in time, and loses no acknowledged delivery', async () => {
  const pipeline = await startRunningPipeline({ env: { SHUTDOWN_TIMEOUT_MS: String(shutdownTimeoutMs) } })
  const events = generateEvents({ seed: 'ingest down', count: 5_000 })
  const load = postUntilAcknowledged(pipeline.webhookUrl, events, { connections: 32 })
  await until('Load', async () => (await countLedger(pipeline.pool)) > 0, { timeoutMs: 10_000 })

  const { how, tookMs } = await terminate(pipeline.ingest)
  expect(how).toBe('exited with code 0')
  expect(tookMs).toBeLessThan(shutdownTimeoutMs)

  await pipeline.startIngest()
  const { acknowledged } = await load
  expect(acknowledged).toHaveLength(5_000)
  await expectAccountedFor(pipeline.pool, acknowledged, { withinMs: 30_000 })
})

test('SIGTERM under load: a worker exits 0 in time, and leaves no stalled batch', async () => {
  const pipeline = await startRunningPipeline({ env: { SHUTDOWN_TIMEOUT_MS: String(shutdownTimeoutMs) } })
  const events = generateEvents({ seed: 'worker down', count: 5_000 })
  const load = postUntilAcknowledged(pipeline.webhookUrl, events, { connections: 32 })
  await until('Load', async () => (await countLedger(pipeline.pool)) > 0, { timeoutMs: 10_000 })

  const { how, tookMs } = await terminate(pipeline.workers[0]!)
  expect(how).toBe('exited with code 0')
  expect(tookMs).toBeLessThan(shutdownTimeoutMs)

  const { acknowledged } = await load
  await pipeline.startWorker()
  // The lock of a stalled batch would expire later than this.
  await expectAccountedFor(pipeline.pool, acknowledged, { withinMs: 8_000 })
})

test('SIGTERM: a worker exits 0 at once when it has just lost the connection on which it waits for jobs', async () => {
  const pipeline = await startRunningPipeline()
  const redis = new Redis(pipeline.redisUrl)
  onTestFinished(() => redis.disconnect())

  await killBlockingClient(redis, pipeline.queuePrefix)
  const { how, tookMs } = await terminate(pipeline.workers[0]!)

  expect(how).toBe('exited with code 0')
  expect(tookMs).toBeLessThan(5_000)
})

test('SIGTERM: a worker exits 0 within seconds while its database is silent', async () => {
  const database = await createTestDatabase(inject('databaseUrl'))
  onTestFinished(() => database.drop())
  const proxy = await openTcpProxy(database.url)
  const pipeline = await startRunningPipeline({ databaseUrl: proxy.url })
  const lock = await lockLedger(database.url)
  const events = generateEvents({ seed: 'silent database', count: 20 })
  const { acknowledged } = await postUntilAcknowledged(pipeline.webhookUrl, events, { connections: 4 })
  await until('A flush in flight', () => isFlushBlocked(pipeline.pool), { timeoutMs: 5_000 })

  proxy.swallow()
  const { how, tookMs } = await terminate(pipeline.workers[0]!)

  expect(how).toBe('exited with code 0')
  expect(tookMs).toBeLessThan(8_000)
  proxy.heal()
  await lock.release()
  await pipeline.startWorker()
  await expectAccountedFor(pipeline.pool, acknowledged, { withinMs: 8_000 })
})

async function terminate(service: RunningService): Promise<{ how: string; tookMs: number }> {
  const startedAt = performance.now()
  process.kill(service.pid, 'SIGTERM')
  const how = await Promise.race([service.ended, pause(2 * shutdownTimeoutMs, 'did not end')])
  return { how, tookMs: performance.now() - startedAt }
}
