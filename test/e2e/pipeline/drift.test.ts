import { randomUUID } from 'node:crypto'
import { until } from '@vss-pipeline/local-stack'
import { readDrift } from '@vss-pipeline/reader'
import { expect, test } from 'vitest'
import { countLedger } from '../../support/accounting.ts'
import { makeDelivery } from '../../support/deliveries.ts'
import { openProducer } from '../../support/producer.ts'
import { startRunningPipeline } from '../../support/running-pipeline.ts'
import { completedExample, type WireEvent } from '../../support/vendor-examples.ts'

const batchSize = 500

test('random names leave a bounded table, in which a field that was renamed shows within 10 s', async () => {
  const pipeline = await startRunningPipeline()
  const { pool } = pipeline
  const producer = await openProducer(pipeline)
  const enqueue = async (bodies: string[]) => {
    for (let start = 0; start < bodies.length; start += batchSize) {
      await producer.enqueue(bodies.slice(start, start + batchSize).map((body) => makeDelivery(body)))
    }
  }
  const noise = Array.from({ length: 5_000 }, (_, event) =>
    eventWith(({ payload }) => Object.assign(payload, { [`random_${randomName(event)}`]: 1 })),
  )
  const renamed = Array.from({ length: 3 }, () =>
    eventWith(({ payload }) => Object.assign(payload.details.callA, { callId: undefined, id: 'x' })),
  )

  await enqueue(noise)
  await until('The random names', async () => (await countLedger(pool)) === noise.length, {
    timeoutMs: 20_000,
  })
  await enqueue(renamed)

  const row = await until(
    'The new field',
    async () => (await readDrift(pool)).find(({ path }) => path === 'payload.details.callA.id'),
    { timeoutMs: 10_000 },
  )
  expect(row).toMatchObject({ kind: 'unknown_field', deliveries: 3 })
  const told = async () => (await readDrift(pool)).reduce((sum, { deliveries }) => sum + deliveries, 0)
  await until('All deliveries', async () => (await told()) === noise.length + renamed.length, {
    timeoutMs: 10_000,
  })
  expect((await readDrift(pool)).length).toBeLessThanOrEqual(1_001)
})

test('a worker that is told to stop tells what it has collected', async () => {
  const pipeline = await startRunningPipeline()
  const producer = await openProducer(pipeline)
  await producer.enqueue([makeDelivery(eventWith(({ payload }) => Object.assign(payload, { area: 'x' })))])
  await until('The delivery', async () => (await countLedger(pipeline.pool)) === 1, { timeoutMs: 10_000 })

  await pipeline.workers[0]!.stop()

  expect(await readDrift(pipeline.pool)).toMatchObject([{ path: 'payload.area', deliveries: 1 }])
})

/** An event of a session of its own, as JSON. */
function eventWith(change: (event: WireEvent) => void): string {
  const event = completedExample()
  event.payload.sessionId = randomUUID()
  change(event)
  return JSON.stringify(event)
}

/** Letters only: a name with many digits would be hidden. */
function randomName(number: number): string {
  return [...String(number)].map((digit) => 'abcdefghij'[Number(digit)]).join('')
}
