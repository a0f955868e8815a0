import { generateEvents } from '@vss-pipeline/generator'
import { until } from '@vss-pipeline/local-stack'
import { request } from 'undici'
import { expect, test } from 'vitest'
import { expectAccountedFor } from '../../support/accounting.ts'
import { startFaultyPipeline } from '../../support/faulty-pipeline.ts'
import { postUntilAcknowledged } from '../../support/load.ts'
import { readMetric } from '../../support/service-metric.ts'

function events(seed: string, count: number) {
  return generateEvents({ seed, count, dirtyShare: 0.05 })
}

test('a Redis that hangs delays the first deliveries by ENQUEUE_TIMEOUT_MS, and the others not at all', async () => {
  const { webhookUrl, pool, redis } = await startFaultyPipeline({ env: { ENQUEUE_TIMEOUT_MS: '400' } })
  await postUntilAcknowledged(webhookUrl, events('before', 100), { connections: 8 })
  redis.freeze()

  const first = await postUntilAcknowledged(webhookUrl, events('first', 50), { connections: 10 })
  const startedAt = performance.now()
  const rest = await postUntilAcknowledged(webhookUrl, events('rest', 300), { connections: 1 })
  expect((performance.now() - startedAt) / 300, 'milliseconds a POST').toBeLessThan(100)
  expect([...first.answers.keys(), ...rest.answers.keys()]).toEqual(['200', '200'])

  redis.thaw()
  await expectAccountedFor(pool, [...first.acknowledged, ...rest.acknowledged], { withinMs: 60_000 })
})

test('with a full spool ingest refuses deliveries, loses none, and is not ready', async () => {
  const { webhookUrl, pool, redis, ingest } = await startFaultyPipeline({
    env: { SPOOL_MAX_BYTES: String(1024 * 1024) },
  })
  const readiness = async () => (await request(`${ingest.opsUrl}/readyz`)).statusCode
  await redis.kill()
  expect(await readiness(), 'with room in the spool').toBe(200)

  const refusals = () => readMetric(ingest.opsUrl, 'vss_requests_refused_total{reason="unavailable"}')
  const full = new AbortController()
  const load = postUntilAcknowledged(webhookUrl, events('full', 5_000), {
    connections: 4,
    signal: full.signal,
  })
  await until('A full spool', async () => (await readiness()) === 503, { timeoutMs: 20_000 })
  await until('A refusal', async () => (await refusals()) > 0, { timeoutMs: 20_000 })
  full.abort()
  const { acknowledged, answers } = await load
  expect(answers.get('503')).toBeGreaterThan(0)
  expect(acknowledged.length).toBeGreaterThan(100)

  await redis.start()
  await expectAccountedFor(pool, acknowledged, { withinMs: 30_000 })
  await until('Readiness', async () => (await readiness()) === 200, { timeoutMs: 5_000 })
})
