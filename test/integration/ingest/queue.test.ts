import { setTimeout as pause } from 'node:timers/promises'
import { until } from '@vss-pipeline/local-stack'
import { createProducer, openBatch, type Producer } from '@vss-pipeline/queue'
import { createProgress } from '@vss-pipeline/runtime'
import { createMetricsRegistry } from '@vss-pipeline/runtime/service'
import { Agent, request } from 'undici'
import { afterEach, beforeEach, describe, expect, onTestFinished, test } from 'vitest'
import { createEnqueue, createKeep, type Keep } from '../../../services/ingest/src/keep.ts'
import { createIngestMetrics, type IngestMetrics } from '../../../services/ingest/src/metrics.ts'
import type { WaitingBytes } from '../../../services/ingest/src/waiting-bytes.ts'
import { createInHand } from '../../../services/ingest/src/watermark.ts'
import { freshPrefix } from '../../support/batches.ts'
import { makeDelivery } from '../../support/deliveries.ts'
import { startOwnRedis } from '../../support/own-redis.ts'
import { createRecordingLogger, type RecordingLogger } from '../../support/recording-logger.ts'
import { untilConnected, untilConnectionLost } from '../../support/redis-connection.ts'
import { type RunningIngest, startIngest } from './running-ingest.ts'

const redis = await startOwnRedis()
const enqueueTimeoutMs = 500

let producer: Producer
let recording: RecordingLogger

beforeEach(() => {
  recording = createRecordingLogger('trace')
  producer = createProducer({
    redisUrl: redis.url,
    prefix: freshPrefix(),
    logger: recording.logger,
    commandTimeoutMs: enqueueTimeoutMs,
  })
})

afterEach(() => producer.close())

function startIngestOnQueue(): Promise<RunningIngest> {
  return startIngest({ createKeep: keepInQueue(enqueueTimeoutMs) })
}

/** Keeps deliveries as an ingest without a spool does. */
function keepInQueue(timeoutMs: number) {
  return (metrics: IngestMetrics, waiting: WaitingBytes) =>
    createKeep({
      enqueue: createEnqueue({ producer, metrics, enqueueTimeoutMs: timeoutMs }),
      spooler: undefined,
      inHand: createInHand(),
      mark: { isKnown: true },
      metrics,
      progress: createProgress({ stuckAfterMs: 60_000 }),
      waiting,
    })
}

/** The value of a metric that has one sample. */
async function sampleOf(ingest: RunningIngest, sample: string): Promise<number> {
  const line = (await ingest.registry.metrics()).split('\n').find((line) => line.startsWith(`${sample} `))
  return Number(line?.split(' ')[1])
}

interface Answer {
  status: number
  deliveryId?: string
  retryAfter: unknown
  tookMs: number
}

async function post(url: string, body = '{}', dispatcher?: Agent): Promise<Answer> {
  const startedAt = performance.now()
  const response = await request(url, { method: 'POST', body, ...(dispatcher && { dispatcher }) })
  const { deliveryId } = (await response.body.json()) as { deliveryId?: string }
  return {
    status: response.statusCode,
    ...(deliveryId && { deliveryId }),
    retryAfter: response.headers['retry-after'],
    tookMs: performance.now() - startedAt,
  }
}

async function untilServing(ingest: RunningIngest, timeoutMs: number): Promise<void> {
  await until('a 200', async () => (await post(ingest.url, 'probe')).status === 200, { timeoutMs })
}

/** The deliveries in the queue, in no order: the id of each, with its body as text. */
async function readQueue(): Promise<Map<string, string>> {
  await untilConnected(producer)
  const bodies = new Map<string, string>()
  for (const { data } of await producer.shards[0]!.queue.getJobs(['waiting'])) {
    const deliveries = openBatch(data).unpack()
    if (deliveries === undefined) throw new Error('a batch is undecodable')
    for (const { deliveryId, body } of deliveries) bodies.set(deliveryId, Buffer.from(body).toString())
  }
  return bodies
}

test('under load many deliveries share a job, and the queue has exactly the acknowledged ones', async () => {
  const ingest = await startIngestOnQueue()
  await untilConnected(producer)
  const dispatcher = new Agent({ connections: 100 })
  onTestFinished(() => dispatcher.close())
  const answers = await Promise.all(
    Array.from({ length: 2_000 }, async (_, n) => ({
      n,
      ...(await post(ingest.url, String(n), dispatcher)),
    })),
  )
  expect(answers.filter(({ status }) => status !== 200)).toEqual([])
  const kept = await readQueue()
  expect(kept.size).toBe(2_000)
  for (const { n, deliveryId } of answers) expect(kept.get(deliveryId!)).toBe(String(n))
  const jobs = await producer.shards[0]!.queue.getWaitingCount()
  expect(jobs).toBeLessThan(2_000 / 4)
  expect(await sampleOf(ingest, 'vss_deliveries_accepted_total')).toBe(2_000)
  expect(await sampleOf(ingest, 'vss_batch_deliveries_sum')).toBe(2_000)
  expect(await sampleOf(ingest, 'vss_batch_deliveries_count')).toBe(jobs)
  expect(await sampleOf(ingest, 'vss_enqueue_seconds_count')).toBe(jobs)
})

test('a lone delivery is a batch of its own, and waits for no other', async () => {
  const ingest = await startIngestOnQueue()
  await untilConnected(producer)
  const tookMs: number[] = []
  for (let n = 0; n < 20; n++) tookMs.push((await post(ingest.url)).tookMs)
  expect(await producer.shards[0]!.queue.getWaitingCount()).toBe(20)
  expect(Math.min(...tookMs)).toBeLessThan(40)
})

test('a body over the limit of a batch is a batch of its own, and is kept whole', async () => {
  const ingest = await startIngest({
    config: { maxBodyBytes: 4 * 1024 * 1024 },
    createKeep: keepInQueue(5_000),
  })
  await untilConnected(producer)
  const long = 'x'.repeat(3 * 1024 * 1024)
  const answers = await Promise.all([post(ingest.url, 'a'), post(ingest.url, long), post(ingest.url, 'b')])
  const kept = await readQueue()
  expect(answers.map(({ deliveryId }) => kept.get(deliveryId!))).toEqual(['a', long, 'b'])
})

describe('while Redis is away', () => {
  test('from the start, requests get 503 with Retry-After at once, and 200 within 2 s of its start', async () => {
    await redis.stop()
    onTestFinished(redis.start)
    const ingest = await startIngestOnQueue()
    const answers = await Promise.all(Array.from({ length: 20 }, () => post(ingest.url)))
    for (const { status, retryAfter, tookMs } of answers) {
      expect(status).toBe(503)
      expect(retryAfter).toBe('2')
      expect(tookMs).toBeLessThan(1_000)
    }
    expect(await ingest.refused()).toEqual({ unavailable: 20 })
    await redis.start()
    await untilServing(ingest, 2_000)
  })

  test('after a kill under load, every request is answered in time, and those answered 200 are kept', async () => {
    const ingest = await startIngestOnQueue()
    await untilConnected(producer)
    const dispatcher = new Agent({ connections: 32 })
    onTestFinished(() => dispatcher.close())
    const answers: Answer[] = []
    let stop = false
    const clients = Array.from({ length: 32 }, async () => {
      while (!stop) answers.push(await post(ingest.url, 'load', dispatcher))
    })
    const acknowledged = () => answers.filter(({ status }) => status === 200)
    await until('load', () => acknowledged().length > 300, { timeoutMs: 10_000 })
    await redis.kill()
    onTestFinished(redis.start)
    await until('refusals', () => answers.some(({ status }) => status === 503), { timeoutMs: 2_000 })
    const before = acknowledged().length
    await redis.start()
    await until('load again', () => acknowledged().length > before + 300, { timeoutMs: 5_000 })
    stop = true
    await Promise.all(clients)
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200, 503]))
    expect(Math.max(...answers.map(({ tookMs }) => tookMs))).toBeLessThan(1_000)
    const kept = await readQueue()
    expect(acknowledged().filter(({ deliveryId }) => !kept.has(deliveryId!))).toEqual([])
  })
})

describe('while Redis hangs', () => {
  test('each request gets 503 when its own time since receipt is up, though others wait before it', async () => {
    const ingest = await startIngestOnQueue()
    await untilConnected(producer)
    redis.freeze()
    onTestFinished(redis.thaw)
    const answers: Promise<Answer>[] = []
    for (let n = 0; n < 8; n++) {
      answers.push(post(ingest.url))
      // Their times are to end one after the other.
      await pause(100)
    }
    for (const { status, retryAfter, tookMs } of await Promise.all(answers)) {
      expect(status).toBe(503)
      expect(retryAfter).toBe('2')
      expect(tookMs).toBeLessThan(enqueueTimeoutMs + 400)
    }
    redis.thaw()
    await untilServing(ingest, 2_000)
  })

  test('for long, requests get 200 within 2 s of its return, and those answered 200 are kept', async () => {
    const ingest = await startIngestOnQueue()
    await untilConnected(producer)
    const before = await post(ingest.url, 'before')
    redis.freeze()
    onTestFinished(redis.thaw)
    await post(ingest.url)
    await untilConnectionLost(producer)
    expect((await post(ingest.url)).tookMs).toBeLessThan(200)
    redis.thaw()
    await untilServing(ingest, 2_000)
    const after = await post(ingest.url, 'after')
    const kept = await readQueue()
    expect([before, after].map(({ deliveryId }) => kept.get(deliveryId!))).toEqual(['before', 'after'])
  })

  test('the time limit counts from receipt, not from the call', async () => {
    const keep: Keep = createEnqueue({
      producer,
      metrics: createIngestMetrics(createMetricsRegistry()),
      enqueueTimeoutMs,
    })
    await untilConnected(producer)
    redis.freeze()
    onTestFinished(redis.thaw)
    const startedAt = performance.now()
    const delivery = makeDelivery()
    await expect(
      keep({ ...delivery, receivedAtMs: delivery.receivedAtMs - (enqueueTimeoutMs - 100) }),
    ).rejects.toMatchObject({ code: 'commit_timeout' })
    expect(performance.now() - startedAt).toBeGreaterThanOrEqual(80)
    expect(performance.now() - startedAt).toBeLessThan(300)
  })
})

test('while Redis is out of memory, requests get 503, and 200 once there is room', async () => {
  const ingest = await startIngestOnQueue()
  await untilConnected(producer)
  await redis.client.config('SET', 'maxmemory', '1')
  onTestFinished(async () => void (await redis.client.config('SET', 'maxmemory', '0')))
  const { status, retryAfter } = await post(ingest.url)
  expect({ status, retryAfter }).toEqual({ status: 503, retryAfter: '2' })
  await redis.client.config('SET', 'maxmemory', '0')
  await untilServing(ingest, 2_000)
})

test('no log line and no metric holds a phone number, a body or a secret', async () => {
  const ingest = await startIngest({
    config: { webhookSecrets: ['hunter2'] },
    createKeep: keepInQueue(enqueueTimeoutMs),
  })
  const body = '{"source":"+6591234567","msisdn":"6591234567"}'
  const send = (path: string, headers: Record<string, string>) =>
    request(`http://127.0.0.1:${ingest.port}${path}`, { method: 'POST', body, headers }).then((response) =>
      response.body.text(),
    )
  const authorization = 'hunter2'
  await untilConnected(producer)
  await send('/webhooks/vss', { authorization })
  await send('/webhooks/vss?to=%2B6591234567', { authorization: 'hunter2+6591234567' })
  await send('/+6591234567', { authorization })
  await redis.client.config('SET', 'maxmemory', '1')
  await send('/webhooks/vss', { authorization })
  await redis.client.config('SET', 'maxmemory', '0')
  const printed = [...recording.lines, ...ingest.logLines, await ingest.registry.metrics()].join('\n')
  expect(printed).toContain('Redis does not take batches')
  expect(printed).toMatch(/^vss_requests_refused_total\{reason="unavailable"\} 1$/m)
  for (const secret of ['6591234567', 'hunter2', 'msisdn']) expect(printed).not.toContain(secret)
})

test('deliveries that wait to be kept take bounded memory: beyond it the answer is 503 at once', async () => {
  let release = () => {}
  const kept = new Promise<void>((resolve) => {
    release = resolve
  })
  const ingest = await startIngest({
    config: { maxWaitingBytes: 300_000 },
    createKeep: (metrics, waiting) =>
      createKeep({
        enqueue: () => kept,
        spooler: undefined,
        inHand: createInHand(),
        mark: { isKnown: true },
        metrics,
        progress: createProgress({ stuckAfterMs: 60_000 }),
        waiting,
      }),
  })
  const body = 'x'.repeat(60_000)
  const answers = Array.from({ length: 5 }, () => post(ingest.url, body))
  const first = await Promise.race(answers)
  expect(first).toMatchObject({ status: 503, retryAfter: '2' })
  expect(first.tookMs).toBeLessThan(500)
  expect(ingest.logLines.join()).toContain('refusing: too many deliveries wait to be kept')

  release()
  expect((await Promise.all(answers)).map(({ status }) => status).sort()).toEqual([200, 200, 200, 200, 503])
  expect((await post(ingest.url, body)).status).toBe(200)
})

test('the probe of readiness fails where Redis answers but takes no writes', async () => {
  await untilConnected(producer)
  await producer.probe()
  onTestFinished(async () => void (await redis.client.config('SET', 'min-replicas-to-write', '0')))
  // The state of a primary that has lost its replicas: it answers reads and refuses writes.
  await redis.client.config('SET', 'min-replicas-to-write', '1')
  expect(await producer.client.ping()).toBe('PONG')
  await expect(producer.probe()).rejects.toThrow('NOREPLICAS')
})
