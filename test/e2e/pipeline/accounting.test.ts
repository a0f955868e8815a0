import { generateEvents } from '@vss-pipeline/generator'
import { expect, test } from 'vitest'
import { expectAccountedFor } from '../../support/accounting.ts'
import { postUntilAcknowledged } from '../../support/load.ts'
import { startRunningPipeline } from '../../support/running-pipeline.ts'

test('of 10,000 events, 5 % of them dirty, every acknowledged id is in the ledger once and no session is lost', async () => {
  const { webhookUrl, pool } = await startRunningPipeline({ workers: 2 })
  const events = generateEvents({ seed: 'accounting', count: 10_000, dirtyShare: 0.05 })

  const load = await postUntilAcknowledged(webhookUrl, events, { connections: 64 })

  expect(Object.fromEntries(load.answers)).toEqual({ 200: 10_000 })
  await expectAccountedFor(pool, load.acknowledged, { withinMs: 30_000 })
})

test('over three queues every acknowledged id is in the ledger once', async () => {
  const { webhookUrl, pool, ingest } = await startRunningPipeline({
    workers: 2,
    env: { QUEUE_SHARDS: '3' },
  })
  const events = generateEvents({ seed: 'shards', count: 4_000, dirtyShare: 0.05 })
  const { acknowledged } = await postUntilAcknowledged(webhookUrl, events, { connections: 32 })
  await expectAccountedFor(pool, acknowledged, { withinMs: 30_000 })
  const metrics = await (await fetch(`${ingest.opsUrl}/metrics`)).text()
  const waiting = [...metrics.matchAll(/^vss_queue_jobs\{state="waiting",shard="(\d)"\} 0$/gm)]
  expect(waiting.map(([, shard]) => shard)).toEqual(['0', '1', '2'])
})
