import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { generateEvents } from '@vss-pipeline/generator'
import { until } from '@vss-pipeline/local-stack'
import { expect, onTestFinished, test } from 'vitest'
import { makeDelivery } from '../../support/deliveries.ts'
import { openProducer } from '../../support/producer.ts'
import { type RunningPipeline, startRunningPipeline } from '../../support/running-pipeline.ts'

const lethalText = 'take this process down'
const script = fileURLToPath(new URL('../../support/worker-that-dies.ts', import.meta.url))

test('a delivery that kills its worker is rejected alone; its neighbours are stored, and the queue goes on', async () => {
  const pipeline = await startRunningPipeline({ workers: 0 })
  const enqueue = await createEnqueue(pipeline)
  const bodies = Array.from(generateEvents({ seed: 'poison', count: 40 }), ({ body }) => body)
  const lethalBody = new TextEncoder().encode(JSON.stringify({ lethalText }))
  // The poison stands in the middle of a batch, and other batches are in hand beside it.
  const lethalBatch = [...bodies.slice(0, 5), lethalBody, ...bodies.slice(5, 10)]
  const neighbours = await Promise.all([
    enqueue(bodies.slice(10, 20)),
    enqueue(lethalBatch),
    enqueue(bodies.slice(20, 40)),
  ])
  const deliveryIds = neighbours.flat()
  const lethalId = neighbours[1]![5]!

  const { deaths } = superviseWorker(pipeline)
  await until(
    'An account of all deliveries',
    async () => (await readLedger(pipeline)).size >= deliveryIds.length,
    {
      timeoutMs: 60_000,
    },
  )

  const ledger = await readLedger(pipeline)
  expect([...ledger.keys()].sort()).toEqual([...deliveryIds].sort())
  const rejected = [...ledger].filter(([, { outcome }]) => outcome === 'rejected')
  expect(rejected).toEqual([
    [lethalId, { outcome: 'rejected', code: 'kills_worker', body: Buffer.from(lethalBody) }],
  ])
  // It dies of the batch among others, of the batch alone, and three times of the delivery alone.
  expect(deaths()).toBe(5)

  const [laterId] = await enqueue(Array.from(generateEvents({ seed: 'later', count: 1 }), ({ body }) => body))
  await until('A batch after the poison', async () => (await readLedger(pipeline)).has(laterId!), {
    timeoutMs: 10_000,
  })
})

async function createEnqueue(pipeline: RunningPipeline) {
  const producer = await openProducer(pipeline)
  return async function enqueue(bodies: Uint8Array[]): Promise<string[]> {
    const deliveries = bodies.map((body) => makeDelivery(body))
    await producer.enqueue(deliveries)
    return deliveries.map(({ deliveryId }) => deliveryId)
  }
}

/** Starts the worker again whenever it dies, as an orchestrator does. */
function superviseWorker(pipeline: RunningPipeline): { deaths: () => number } {
  let deaths = 0
  let stopped = false
  let worker: ChildProcess

  function start(): void {
    worker = spawn(process.execPath, [script], {
      stdio: 'ignore',
      env: {
        ...process.env,
        DATABASE_URL: pipeline.databaseUrl,
        REDIS_URL: pipeline.redisUrl,
        QUEUE_PREFIX: pipeline.queuePrefix,
        LETHAL_TEXT: lethalText,
      },
    })
    worker.once('exit', () => {
      if (stopped) return
      deaths++
      start()
    })
  }
  start()
  onTestFinished(async () => {
    stopped = true
    worker.kill('SIGKILL')
    if (worker.exitCode === null && worker.signalCode === null) await once(worker, 'exit')
  })
  return { deaths: () => deaths }
}

async function readLedger({ pool }: RunningPipeline) {
  const { rows } = await pool.query<{ id: string; outcome: string; code: string | null; body: Buffer }>(
    `SELECT delivery_id AS id, outcome, reasons->0->>'code' AS code, bodies.body
     FROM vss.deliveries JOIN vss.bodies USING (received_at, delivery_id)`,
  )
  return new Map(rows.map(({ id, outcome, code, body }) => [id, { outcome, code, body }]))
}
