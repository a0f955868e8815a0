import { generateEvents } from '@vss-pipeline/generator'
import { type RunningService, until } from '@vss-pipeline/local-stack'
import { Redis } from 'ioredis'
import { expect, inject, onTestFinished, test } from 'vitest'
import { expectAccountedFor } from '../../support/accounting.ts'
import { killBlockingClient } from '../../support/blocking-client.ts'
import { createTestDatabase } from '../../support/databases.ts'
import { isFlushBlocked, lockLedger } from '../../support/ledger-lock.ts'
import { postUntilAcknowledged } from '../../support/load.ts'
import { terminated } from '../../support/outages.ts'
import { startRunningPipeline } from '../../support/running-pipeline.ts'
import { openTcpProxy } from '../../support/tcp-proxy.ts'

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
  await terminated.end(service)
  return { how: await service.ended, tookMs: performance.now() - startedAt }
}
