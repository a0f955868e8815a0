import { generateEvents } from '@vss-pipeline/generator'
import { until } from '@vss-pipeline/local-stack'
import {
  encodeBatch,
  listShards,
  type Producer,
  type QueueStatus,
  readQueueStatus,
} from '@vss-pipeline/queue'
import { readDelivery } from '@vss-pipeline/reader'
import { createLogger } from '@vss-pipeline/runtime/service'
import { v7 as uuidv7 } from 'uuid'
import { expect, it } from 'vitest'
import { readBody } from '../../support/accounting.ts'
import { freshPrefix } from '../../support/batches.ts'
import { rowsOf } from '../../support/databases.ts'
import { makeDelivery } from '../../support/deliveries.ts'
import { openProducer } from '../../support/producer.ts'
import { type RunningPipeline, startRunningPipeline } from '../../support/running-pipeline.ts'
import { linesOver80Columns, vss } from '../../support/vss-command.ts'

const soon = { timeoutMs: 20_000 }

it('lists the shards, and the batches that wait', async () => {
  const pipeline = await startRunningPipeline({ workers: 0, env: { QUEUE_SHARDS: '2' } })
  const env = settingsOf(pipeline)
  const empty = await vss(['queue', 'list'], env)
  expect(empty.stdout).toBe(`SHARD  STATE    WAITING  IN HAND  DELAYED  FAILED  DELIVERIES  OLDEST
0      running        0        0        0       0           0       -
1      running        0        0        0       0           0       -
`)
  expect((await vss(['send', '--url', pipeline.webhookUrl, '--count', '5'])).exitCode).toBe(0)
  const { isPaused, shards } = await listOf(env)
  expect(isPaused).toBe(false)
  expect(shards.map(({ shard }) => shard)).toEqual([0, 1])
  expect(shards.reduce((sum, { deliveries }) => sum + deliveries, 0)).toBe(5)
})

it('shows where each shard is, and who reads it', async () => {
  const pipeline = await startRunningPipeline({ workers: 0, env: { QUEUE_SHARDS: '2' } })
  const env = settingsOf(pipeline)
  const node = new URL(pipeline.redisUrl).host
  const { topology } = await openProducer(pipeline)
  const shards = await topology.update()
  const waiting = (await vss(['queue', 'shards'], env)).stdout
  expect(waiting.split('\n').map((line) => line.split(/ {2,}/).map((cell) => cell.trim()))).toEqual([
    ['SHARD', 'NODE', 'STATE', 'BATCHES', 'DELIVERIES', 'OLDEST', 'WORKERS'],
    ['0', node, 'running', '0', '0', '-', '0'],
    ['1', node, 'running', '0', '0', '-', '0'],
    [''],
  ])
  await shards[1]!.queue.add('batch of 7', {})
  const unread = await vss(['queue', 'shards', '--json'], env)
  expect(unread.exitCode).toBe(1)
  expect(JSON.parse(unread.stdout).shards[1]).toMatchObject({
    shard: 1,
    node,
    list: shards[1]!.queue.toKey('wait'),
    isAway: false,
    workers: 0,
    jobs: { waiting: 1 },
    deliveries: 7,
  })
  await shards[1]!.queue.obliterate({ force: true })
  await pipeline.startWorker({ QUEUE_SHARDS: '2' })
  const { redisUrl, queuePrefix: prefix } = pipeline
  const logger = createLogger({ service: 'test', level: 'silent' })
  const readers = async () => (await listShards({ redisUrl, prefix, logger })).map(({ workers }) => workers)
  await until('A worker of both', async () => (await readers()).join() === '1,1', soon)
})

it('pauses and resumes the workers', async () => {
  const pipeline = await startRunningPipeline()
  const env = settingsOf(pipeline)
  expect(await vss(['queue', 'pause'], env)).toEqual({
    exitCode: 2,
    stdout: '',
    stderr:
      'vss: workers will take no more batches: deliveries are acknowledged, and wait in Redis until vss queue resume: give --yes to confirm it\n',
  })
  expect((await vss(['queue', 'pause', '--dry-run'], env)).stdout).toBe(
    'the queue would be paused; 0 deliveries are not written yet\n',
  )
  expect((await listOf(env)).isPaused).toBe(false)
  const paused = await vss(['queue', 'pause', '--yes', '--json'], env)
  expect(JSON.parse(paused.stdout)).toEqual({ changed: true, isPaused: true })

  expect((await vss(['send', '--url', pipeline.webhookUrl, '--count', '3'])).exitCode).toBe(0)
  const { shards } = await listOf(env)
  expect(shards).toMatchObject([{ isPaused: true, deliveries: 3, jobs: { active: 0 } }])
  expect((await vss(['queue', 'pause', '--yes'], env)).stdout).toBe(
    'the queue is paused already: nothing was changed\n',
  )

  expect((await vss(['queue', 'resume', '--yes'], env)).stdout).toBe(
    'the queue is running; 3 deliveries are not written yet\n',
  )
  await until('The rows', async () => (await countLedger(pipeline)) === 3, soon)
})

it.each([['list'], ['pause', '--yes'], ['resume', '--yes'], ['retry-failed', '--yes']])(
  'says where there is no queue under the prefix, and makes none: %s',
  async (...args) => {
    const { redisUrl: REDIS_URL, databaseUrl: DATABASE_URL } = await startRunningPipeline({ workers: 0 })
    const env = { REDIS_URL, DATABASE_URL, QUEUE_PREFIX: freshPrefix() }
    const outcome = await vss(['queue', ...args], env)
    expect(outcome).toMatchObject({ exitCode: 1, stdout: '' })
    expect(outcome.stderr).toMatch(/^vss: there is no queue and no process under the prefix \{/)
    const status = JSON.parse((await vss(['status', '--json'], env)).stdout)
    expect(status.queue.isPrefixKnown).toBe(false)
  },
)

it('shows a delayed batch with its fault', async () => {
  const pipeline = await startRunningPipeline()
  const producer = await openProducer(pipeline)
  const later = { ...encodeBatch(someDeliveries(2)), v: 99 }
  await producer.shards[0]!.queue.add('batch of 2', later, { jobId: uuidv7() })
  const env = settingsOf(pipeline)
  await untilJobs(producer, 'delayed', 1)
  expect((await listOf(env)).shards[0]!.troubled).toEqual([
    {
      batchId: expect.any(String),
      state: 'delayed',
      deliveries: 2,
      tries: expect.any(Number),
      reason: expect.stringMatching(/^the batch has a version that this release cannot read/),
      oldestReceivedAt: expect.any(String),
    },
  ])
  const { stdout } = await vss(['queue', 'list'], env)
  expect(stdout).toMatch(
    /^Delayed batches: they come again by themselves\n {2}\S{36}\n {4}2 deliveries, \d+ tr/m,
  )
  expect(linesOver80Columns(stdout)).toEqual([])
})

it('retries a failed batch that this release can read: its deliveries are recorded anew, and counted once', async () => {
  const pipeline = await startRunningPipeline()
  const env = settingsOf(pipeline)
  const deliveries = someDeliveries(2)
  const producer = await openProducer(pipeline)
  const batchId = await failBatch(pipeline, producer, deliveries)
  await producer.shards[0]!.queue.add('foreign', { hello: 'world' })
  await untilJobs(producer, 'failed', 2)
  // A later release can read the batch.
  const job = await producer.shards[0]!.queue.getJob(batchId)
  await job!.updateData(encodeBatch(deliveries))

  const dry = await vss(['queue', 'retry-failed', '--dry-run'], env)
  expect(dry).toMatchObject({
    exitCode: 1,
    stdout: 'would retry 1 batch with 2 deliveries\nleft 1 of another program\n',
  })
  expect((await vss(['queue', 'retry-failed'], env)).exitCode).toBe(2)
  expect(await outcomesOf(pipeline, deliveries)).toEqual(['rejected', 'rejected'])

  const { exitCode, stdout } = await vss(['queue', 'retry-failed', '--yes', '--json'], env)
  expect(exitCode).toBe(1)
  expect(JSON.parse(stdout)).toEqual({ retried: true, batches: 1, deliveries: 2, unreadable: 0, foreign: 1 })
  await until(
    'The sessions',
    async () => String(await outcomesOf(pipeline, deliveries)) === 'stored,stored',
    soon,
  )
  expect(await readBody(pipeline.pool, deliveries[0]!.deliveryId)).toEqual(Buffer.from(deliveries[0]!.body))
  expect(
    await rowsOf(
      pipeline.databaseUrl,
      'SELECT outcome, sum(deliveries)::integer FROM vss.minutes GROUP BY 1',
    ),
  ).toEqual([{ outcome: 'stored', sum: 2 }])
  await untilJobs(producer, 'failed', 1)

  // As docs/operating.md says.
  const [foreign] = (await listOf(env)).shards[0]!.troubled
  const key = (name: string) => `${pipeline.queuePrefix}:batches:${name}`
  expect(await producer.client.zrem(key('failed'), foreign!.batchId)).toBe(1)
  expect(await producer.client.del(key(foreign!.batchId))).toBe(1)
  expect((await listOf(env)).shards[0]).toMatchObject({ jobs: { failed: 0 }, troubled: [] })
})

it('leaves a failed batch that this release cannot read, and what the ledger says of it', async () => {
  const pipeline = await startRunningPipeline()
  const env = settingsOf(pipeline)
  const deliveries = someDeliveries(1)
  const producer = await openProducer(pipeline)
  await failBatch(pipeline, producer, deliveries)
  expect(await vss(['queue', 'retry-failed', '--yes'], env)).toMatchObject({
    exitCode: 1,
    stdout: 'left 1 that this release cannot read\n',
  })
  expect(await outcomesOf(pipeline, deliveries)).toEqual(['rejected'])
  await untilJobs(producer, 'failed', 1)
})

it('has nothing to retry where no batch has failed', async () => {
  const pipeline = await startRunningPipeline({ workers: 0 })
  expect(await vss(['queue', 'retry-failed', '--yes'], settingsOf(pipeline))).toEqual({
    exitCode: 0,
    stdout: 'no batch has failed\n',
    stderr: '',
  })
})

interface Listing {
  isPaused: boolean
  shards: {
    shard: number
    isPaused: boolean
    jobs: Record<string, number>
    deliveries: number
    troubled: { batchId: string }[]
  }[]
}

async function listOf(env: Record<string, string>): Promise<Listing> {
  const { exitCode, stdout, stderr } = await vss(['queue', 'list', '--json'], env)
  expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' })
  return JSON.parse(stdout)
}

async function untilJobs(
  { topology }: Producer,
  state: keyof QueueStatus['jobs'],
  count: number,
): Promise<void> {
  const isSo = async () => (await readQueueStatus(topology)).jobs[state] === count
  await until(`${count} ${state}`, isSo, soon)
}

function someDeliveries(count: number) {
  return Array.from(generateEvents({ seed: 'queue', count }), ({ body }) => makeDelivery(body))
}

/** Has a batch fail whose events are damaged. @returns the id of its job. */
async function failBatch(
  pipeline: RunningPipeline,
  producer: Producer,
  deliveries: ReturnType<typeof someDeliveries>,
): Promise<string> {
  const jobId = uuidv7()
  const damaged = { ...encodeBatch(deliveries), events: 'bm90IHpzdGQ=' }
  await producer.shards[0]!.queue.add(`batch of ${deliveries.length}`, damaged, { jobId })
  await until(
    'The failed batch',
    async () => producer.shards[0]!.queue.getJobState(jobId).then((state) => state === 'failed'),
    soon,
  )
  expect(await outcomesOf(pipeline, deliveries)).toEqual(deliveries.map(() => 'rejected'))
  return jobId
}

async function outcomesOf({ pool }: RunningPipeline, deliveries: readonly { deliveryId: string }[]) {
  const rows = await Promise.all(deliveries.map(({ deliveryId }) => readDelivery(pool, deliveryId)))
  return rows.map((row) => row?.outcome)
}

async function countLedger({ databaseUrl }: RunningPipeline): Promise<number> {
  const [row] = await rowsOf<{ count: number }>(databaseUrl, 'SELECT count(*)::integer FROM vss.deliveries')
  return row!.count
}

function settingsOf({ databaseUrl, redisUrl, queuePrefix }: RunningPipeline) {
  return { DATABASE_URL: databaseUrl, REDIS_URL: redisUrl, QUEUE_PREFIX: queuePrefix }
}
