import { generateEvents } from '@vss-pipeline/generator'
import { until } from '@vss-pipeline/local-stack'
import { encodeBatch, readQueueStatus } from '@vss-pipeline/queue'
import { expect, test } from 'vitest'
import { countLedger, expectAccountedFor } from '../../support/accounting.ts'
import { makeDelivery } from '../../support/deliveries.ts'
import { postUntilAcknowledged } from '../../support/load.ts'
import { openProducer } from '../../support/producer.ts'
import { startRunningPipeline } from '../../support/running-pipeline.ts'

test('of 10,000 events, 5 % of them dirty, every acknowledged id is in the ledger once and no session is lost', async () => {
  const { webhookUrl, pool } = await startRunningPipeline({ workers: 2 })
  const events = generateEvents({ seed: 'accounting', count: 10_000, dirtyShare: 0.05 })

  const load = await postUntilAcknowledged(webhookUrl, events, { connections: 64 })

  expect(Object.fromEntries(load.answers)).toEqual({ 200: 10_000 })
  await expectAccountedFor(pool, load.acknowledged, { withinMs: 30_000 })
})

test('over three queues, of which workers are told one, every acknowledged id is in the ledger once', async () => {
  const { webhookUrl, pool, ingest, startWorker } = await startRunningPipeline({
    workers: 0,
    env: { QUEUE_SHARDS: '3' },
  })
  for (let made = 0; made < 2; made++) await startWorker({ QUEUE_SHARDS: '1' })
  const events = generateEvents({ seed: 'shards', count: 4_000, dirtyShare: 0.05 })
  const { acknowledged } = await postUntilAcknowledged(webhookUrl, events, { connections: 32 })
  await expectAccountedFor(pool, acknowledged, { withinMs: 30_000 })
  const metrics = await (await fetch(`${ingest.opsUrl}/metrics`)).text()
  const waiting = [...metrics.matchAll(/^vss_shard_jobs\{shard="(\d)",state="waiting"\} 0$/gm)]
  expect(waiting.map(([, shard]) => shard)).toEqual(['0', '1', '2'])
})

test('a batch that is in two queues is written once', async () => {
  const pipeline = await startRunningPipeline({ workers: 0, env: { QUEUE_SHARDS: '2' } })
  const producer = await openProducer(pipeline)
  const events = [...generateEvents({ seed: 'twice', count: 40 })]
  const deliveries = events.map(({ body }) => makeDelivery(body))
  const payload = encodeBatch(deliveries)
  // As after a shard that has the batch and did not answer in time.
  for (const { queue } of await producer.topology.update()) {
    await queue.add(`batch of ${deliveries.length}`, payload, {
      jobId: '019aa0e4-0000-7000-8000-000000000001',
    })
  }
  await pipeline.startWorker()
  const acknowledged = events.map((event, index) => ({ deliveryId: deliveries[index]!.deliveryId, event }))
  await expectAccountedFor(pipeline.pool, acknowledged, { withinMs: 30_000 })
  const isEmpty = async () => (await readQueueStatus(producer.topology)).deliveries === 0
  await until('The end of both batches', isEmpty, { timeoutMs: 20_000 })
  expect(await countLedger(pipeline.pool)).toBe(events.length)
})
