import { encodeBatch, type FailedBatch, readFailedBatches } from '@vss-pipeline/queue'
import { createLogger } from '@vss-pipeline/runtime/service'
import { v7 as uuidv7 } from 'uuid'
import { expect, inject, test } from 'vitest'
import { freshPrefix } from '../../support/batches.ts'
import { makeDelivery } from '../../support/deliveries.ts'
import { openProducer } from '../../support/producer.ts'

test('failed batches are read page by page, however many stay, and one that was removed is passed over', async () => {
  const redisUrl = inject('redisUrl')
  const queuePrefix = freshPrefix()
  const producer = await openProducer({ redisUrl, queuePrefix })
  const { queue } = producer.shards[0]!
  const ids = Array.from({ length: 25 }, () => uuidv7())
  await queue.addBulk(
    ids.map((jobId) => ({ name: 'batch of 1', data: encodeBatch([makeDelivery()]), opts: { jobId } })),
  )
  await producer.client.del(queue.toKey('wait'))
  for (const [index, id] of ids.entries()) await producer.client.zadd(queue.toKey('failed'), index, id)
  await producer.client.del(queue.toKey(ids[3]!))

  const address = {
    redisUrl,
    prefix: queuePrefix,

    logger: createLogger({ service: 'cli', level: 'silent' }),
  }
  const pages: FailedBatch[][] = []
  for (let passed = 0; ; passed += 10) {
    const page = await readFailedBatches(address, { passed: new Map([[0, passed]]), limit: 10 })
    if (page.length === 0) break
    pages.push(page)
  }

  expect(pages.map((page) => page.length)).toEqual([10, 10, 5])
  expect(pages.flat().map(({ batchId }) => batchId)).toEqual(ids)
  expect(pages.flat().map(({ kind }) => kind)).toEqual(ids.map((id) => (id === ids[3] ? 'gone' : 'readable')))
})
