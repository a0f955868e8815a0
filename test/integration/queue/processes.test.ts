import { until } from '@vss-pipeline/local-stack'
import {
  createProducer,
  type IngestReport,
  type Producer,
  readProcesses,
  tellProcess,
} from '@vss-pipeline/queue'
import { pipelineVersion } from '@vss-pipeline/runtime'
import type { Redis } from 'ioredis'
import { beforeEach, describe, expect, onTestFinished, test } from 'vitest'
import { countProcesses } from '../../../packages/queue/src/processes/processes.ts'
import { freshPrefix } from '../../support/batches.ts'
import { startOwnRedis } from '../../support/own-redis.ts'
import { createRecordingLogger } from '../../support/recording-logger.ts'
import { untilConnected, untilConnectionLost } from '../../support/redis-connection.ts'

const redis = await startOwnRedis()
const { logger } = createRecordingLogger('silent')
const soon = { timeoutMs: 5_000 }

let prefix: string
let producer: Producer

beforeEach(async () => {
  prefix = freshPrefix()
  producer = createProducer({ redisUrl: redis.url, prefix, logger, commandTimeoutMs: 2_000 })
  await untilConnected(producer)
  return () => producer.close()
})

function read() {
  return readProcesses(producer.client, prefix)
}

/** Tells as an ingest does. */
function tellIngest(report: () => Partial<IngestReport> = () => ({})) {
  const telling = tellProcess({
    client: producer.client,
    prefix,
    service: 'ingest',
    place: 'host:/spool',
    report: () => ({
      payloadVersion: 3,
      shards: 1,
      waitReplicas: 0,
      spool: null,
      hasSecret: true,
      lastHour: { accepted: 1, refused: { unauthorized: 2 } },
      lastReceivedAtMs: null,
      ...report(),
    }),
  })
  onTestFinished(() => telling.close())
  return telling
}

function tellWorker() {
  const telling = tellProcess({
    client: producer.client,
    prefix,
    service: 'worker',
    report: () => ({ isDatabaseThere: true, shards: 1, shardsRead: [0], payloadVersions: [1, 2, 3] }),
  })
  onTestFinished(() => telling.close())
  return telling
}

test('without a process there is none, and no last word of any', async () => {
  expect(await read()).toEqual({ running: [], unreadable: 0, lastToldAtMs: {}, nowMs: expect.any(Number) })
})

test('each process is listed with its report, the latest word first', async () => {
  await tellWorker().tell()
  await tellIngest().tell()
  const { running, unreadable, lastToldAtMs, nowMs } = await read()
  expect(running.map(({ service }) => service).toSorted()).toEqual(['ingest', 'worker'])
  expect(running.find(({ service }) => service === 'ingest')).toMatchObject({
    place: 'host:/spool',
    version: pipelineVersion,
    lastHour: { accepted: 1, refused: { unauthorized: 2 } },
  })
  expect(unreadable).toBe(0)
  for (const { toldAtMs, clockMs, startedAtMs } of running) {
    expect(Math.abs(toldAtMs - clockMs)).toBeLessThan(1_000)
    expect(startedAtMs).toBeLessThan(clockMs)
    expect(nowMs - toldAtMs).toBeLessThan(2_000)
  }
  expect(Object.keys(lastToldAtMs).toSorted()).toEqual(['ingest', 'worker'])
})

test('a report is told anew each second', async () => {
  let accepted = 0
  tellIngest(() => ({ lastHour: { accepted, refused: {} } }))
  await until('A report', async () => (await read()).running.length === 1, soon)
  accepted = 7
  const hasSeven = async () =>
    (await read()).running.some((process) => process.service === 'ingest' && process.lastHour.accepted === 7)
  await until('The next report', hasSeven, { timeoutMs: 2_000 })
})

test('a process that says goodbye is gone at once, and its last word is remembered', async () => {
  const worker = tellWorker()
  await worker.tell()
  await worker.close()
  const { running, lastToldAtMs, nowMs } = await read()
  expect(running).toEqual([])
  expect(nowMs - lastToldAtMs.worker!).toBeLessThan(2_000)
})

test('a process that falls silent is gone after ten seconds', async () => {
  const silent = createProducer({ redisUrl: redis.url, prefix, logger, commandTimeoutMs: 2_000 })
  await untilConnected(silent)
  const telling = tellProcess({
    client: silent.client,
    prefix,
    service: 'worker',
    report: () => ({ isDatabaseThere: true, shards: 1, shardsRead: [0], payloadVersions: [2] }),
  })
  await telling.tell()
  expect((await read()).running).toHaveLength(1)
  const toldAt = performance.now()
  // As when it is killed: nobody says goodbye.
  silent.client.disconnect()
  await until('Its end', async () => (await read()).running.length === 0, { timeoutMs: 12_000 })
  expect(performance.now() - toldAt).toBeGreaterThan(8_000)
  expect((await read()).lastToldAtMs.worker).toBeDefined()
})

test('after an outage of Redis a process is there again within two seconds, with all that happened meanwhile', async () => {
  let refused = 0
  tellIngest(() => ({ lastHour: { accepted: 0, refused: { unavailable: refused } } }))
  await until('A report', async () => (await read()).running.length === 1, soon)
  await redis.stop()
  onTestFinished(redis.start)
  await untilConnectionLost(producer)
  refused = 500
  await redis.start()
  await untilConnected(producer)
  const isTold = async () =>
    (await read()).running.some(
      (process) => process.service === 'ingest' && process.lastHour.refused.unavailable === 500,
    )
  await until('The report', isTold, { timeoutMs: 2_000 })
})

describe('a report that cannot be read is passed over, and counted', () => {
  test.each([
    ['no JSON', 'hello'],
    ['of a service that is not known', JSON.stringify({ service: 'oven' })],
    ['with a count below 0', undefined],
    ['too long', JSON.stringify('x'.repeat(20_000))],
  ])('%s', async (_, text) => {
    const worker = tellWorker()
    const ingest = tellIngest(() => ({ lastReceivedAtMs: text === undefined ? -1 : null }))
    await worker.tell()
    await ingest.tell()
    if (text !== undefined) {
      const { id } = (await read()).running.find(({ service }) => service === 'ingest')!
      await ingest.close()
      await redis.client.set(`${prefix}:process:${id}`, text, 'PX', 10_000)
    }
    const { running, unreadable } = await read()
    expect(running.map(({ service }) => service)).toEqual(['worker'])
    expect(unreadable).toBe(1)
  })
})

test('any number of names in the list costs a bounded read, and goes when a process speaks', async () => {
  const now = Date.now()
  for (let count = 0; count < 3_000; count += 1_000) {
    const names = Array.from(
      { length: 1_000 },
      (_, index) => [now, `worker ${count + index}`] as const,
    ).flat()
    await redis.client.zadd(`${prefix}:processes`, ...names)
  }
  expect((await read()).running).toEqual([])
  await tellWorker().tell()
  expect(await redis.client.zcard(`${prefix}:processes`)).toBe(1_000)
  expect((await read()).running).toHaveLength(1)
})

test.each(['+inf', '1e300', '-1e300', String(Date.now() + 3_600_000)])(
  'a word from %s, which cannot be true, counts for nothing, and goes when a process speaks',
  async (score) => {
    await redis.client.zadd(`${prefix}:processes`, score, 'worker gone')
    expect((await read()).lastToldAtMs).toEqual({})
    expect(await countProcesses(producer.client, prefix, 'worker')).toBe(0)
    await tellWorker().tell()
    expect(await redis.client.zcard(`${prefix}:processes`)).toBe(1)
    expect(await countProcesses(producer.client, prefix, 'worker')).toBe(1)
  },
)

test('the values of strangers cost a bounded read, whatever their size and type', async () => {
  await tellWorker().tell()
  await redis.client.zadd(`${prefix}:processes`, Date.now(), 'worker large', Date.now(), 'ingest hash')
  await redis.client.set(`${prefix}:process:large`, Buffer.alloc(8 * 1024 * 1024, '"'))
  await redis.client.hset(`${prefix}:process:hash`, 'field', 'value')
  const bytesRead = () => (producer.client as Redis).stream.bytesRead
  const before = bytesRead()

  const { running, unreadable } = await read()

  expect({ running: running.length, unreadable }).toEqual({ running: 1, unreadable: 2 })
  expect(bytesRead() - before).toBeLessThan(100_000)
})

test('all keys of the processes begin with the prefix, whose braces keep them in one slot of a cluster', async () => {
  const before = await redis.client.keys('*')
  await tellWorker().tell()
  const keys = (await redis.client.keys('*')).filter(
    (key) => !before.includes(key) && key.includes('process'),
  )
  expect(keys).toHaveLength(2)
  expect(keys.filter((key) => !key.startsWith(prefix))).toEqual([])
})
