import { generateEvents } from '@vss-pipeline/generator'
import { until } from '@vss-pipeline/local-stack'
import { encodeBatch, readQueueStatus } from '@vss-pipeline/queue'
import { readDelivery } from '@vss-pipeline/reader'
import { v7 as uuidv7 } from 'uuid'
import { expect, test } from 'vitest'
import { readBody } from '../../support/accounting.ts'
import { makeDelivery } from '../../support/deliveries.ts'
import { openProducer } from '../../support/producer.ts'
import { startRunningPipeline } from '../../support/running-pipeline.ts'

test('a batch that cannot be read back is in the ledger by its ids and stays as a failed job; the next batch is stored', async () => {
  const pipeline = await startRunningPipeline()
  const { pool } = pipeline
  const producer = await openProducer(pipeline)
  const [lost, alsoLost, good] = Array.from(generateEvents({ seed: 'damage', count: 3 }), ({ body }) =>
    makeDelivery(body),
  )

  const damaged = { ...encodeBatch([lost!, alsoLost!]), events: 'bm90IHpzdGQ=' }
  await producer.shards[0]!.queue.add('batch', damaged, { jobId: uuidv7() })
  await producer.enqueue([good!])

  for (const { deliveryId } of [lost!, alsoLost!]) {
    const delivery = await until('The account', () => readDelivery(pool, deliveryId), { timeoutMs: 10_000 })
    expect(delivery).toMatchObject({
      outcome: 'rejected',
      reasons: [{ code: 'undecodable_batch', path: '' }],
      bodySha256: null,
    })
    expect(await readBody(pool, deliveryId)).toBeNull()
  }
  const stored = await until('The next batch', () => readDelivery(pool, good!.deliveryId), {
    timeoutMs: 10_000,
  })
  expect(stored.outcome).toBe('stored')
  await until('The failed job', async () => (await readQueueStatus(producer.topology)).jobs.failed === 1, {
    timeoutMs: 5_000,
  })
  const [kept] = await producer.shards[0]!.queue.getFailed()
  expect(kept?.data).toEqual(damaged)
})
