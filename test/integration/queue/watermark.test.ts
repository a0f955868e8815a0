import { randomUUID } from 'node:crypto'
import { until } from '@vss-pipeline/local-stack'
import {
  createConsumer,
  createProducer,
  createWatermarkSource,
  type OwnMark,
  type Producer,
  retireMarks,
  tellMark,
} from '@vss-pipeline/queue'
import { beforeEach, describe, expect, inject, onTestFinished, test } from 'vitest'
import { freshPrefix } from '../../support/batches.ts'
import { makeDelivery } from '../../support/deliveries.ts'
import { createRecordingLogger } from '../../support/recording-logger.ts'
import { untilConnected } from '../../support/redis-connection.ts'
import { createGate } from './gate.ts'

const redisUrl = inject('redisUrl')
const { logger } = createRecordingLogger('silent')
const hourMs = 3_600_000
const within = { timeoutMs: 10_000 }

let prefix: string
let producer: Producer

beforeEach(async () => {
  prefix = freshPrefix()
  producer = createProducer({ redisUrl, prefix, logger, commandTimeoutMs: 5_000 })
  await untilConnected(producer)
  return () => producer.close()
})

function openSource(options: { abandonedAfterMs?: number } = {}) {
  return createWatermarkSource({ topology: producer.topology, ...options })
}

function ownMark(untilMs: number, more: Partial<OwnMark> = {}): OwnMark {
  return {
    id: 'folder',
    place: 'host:/spool',
    hasSpool: true,
    shards: 1,
    processId: randomUUID(),
    untilMs,
    clockMs: untilMs,
    ...more,
  }
}

describe('open batches', () => {
  test('the oldest receipt is that of the batches that are not done, whenever they were added', async () => {
    const source = openSource()
    expect((await source.read()).oldestOpenMs).toBeNull()
    const young = makeDelivery()
    const old = makeDelivery('{}', 90)
    await producer.enqueue([young])
    await producer.enqueue([makeDelivery(), old])
    expect((await source.read()).oldestOpenMs).toBe(old.receivedAtMs)

    const gate = createGate()
    const consumer = createConsumer({
      redisUrl,
      prefix,
      concurrency: 2,
      logger,
      async handle(batch) {
        if (batch.deliveryIds.includes(young.deliveryId)) await gate.passed
        return 'done'
      },
    })
    onTestFinished(() => consumer.close())
    await until('one open', async () => (await source.read()).oldestOpenMs === young.receivedAtMs, within)
    gate.open()
    await until('none open', async () => (await source.read()).oldestOpenMs === null, within)
  })

  test('a batch that is set aside is done, and one that met a fault is not', async () => {
    const aside = makeDelivery('{}', 90)
    const faulty = makeDelivery()
    await producer.enqueue([aside])
    await producer.enqueue([faulty])
    let tries = 0
    const consumer = createConsumer({
      redisUrl,
      prefix,
      concurrency: 2,
      logger,
      async handle(batch) {
        if (batch.deliveryIds.includes(aside.deliveryId)) return 'set_aside'
        tries++
        throw new Error('a fault')
      },
    })
    onTestFinished(() => consumer.close())
    const source = openSource()
    await until(
      'the other one',
      async () => (await source.read()).oldestOpenMs === faulty.receivedAtMs,
      within,
    )
    await until('another try', () => tries > 1, within)
    expect((await source.read()).oldestOpenMs).toBe(faulty.receivedAtMs)
  })

  test('a batch without a job stays open for a while, because its job may be on its way', async () => {
    const { queue } = producer.shards[0]!
    await producer.client.zadd(queue.toKey('open'), 1_000, randomUUID())
    const patient = openSource()
    for (let looks = 0; looks < 3; looks++) expect((await patient.read()).oldestOpenMs).toBe(1_000)
    const impatient = openSource({ abandonedAfterMs: 200 })
    expect((await impatient.read()).oldestOpenMs).toBe(1_000)
    await until('none open', async () => (await impatient.read()).oldestOpenMs === null, within)
  })

  test('a batch with a job is never taken for one without', async () => {
    const waiting = makeDelivery('{}', 90)
    await producer.enqueue([waiting])
    const impatient = openSource({ abandonedAfterMs: 0 })
    for (let looks = 0; looks < 3; looks++) {
      expect((await impatient.read()).oldestOpenMs).toBe(waiting.receivedAtMs)
    }
  })
})

describe('marks', () => {
  test('each ingest has one, and tells it anew', async () => {
    const now = Date.now()
    await tellMark(producer.client, prefix, ownMark(now - 5_000))
    await tellMark(producer.client, prefix, ownMark(now - 4_000))
    await tellMark(producer.client, prefix, ownMark(now - 3_000, { id: 'process', hasSpool: false }))
    const { marks, retired, nowMs } = await openSource().read()
    expect(retired).toEqual([])
    expect(Object.fromEntries(marks.map(({ id, untilMs, hasSpool }) => [id, { untilMs, hasSpool }]))).toEqual(
      {
        folder: { untilMs: now - 4_000, hasSpool: true },
        process: { untilMs: now - 3_000, hasSpool: false },
      },
    )
    for (const { toldAtMs } of marks) expect(Math.abs(nowMs - toldAtMs)).toBeLessThan(5_000)
  })

  test('a clock that is ahead cannot bring one beyond the time of Redis', async () => {
    const told = await tellMark(producer.client, prefix, ownMark(Date.now() + hourMs))
    const { marks, nowMs } = await openSource().read()
    expect(marks[0]!.untilMs).toBeLessThanOrEqual(nowMs)
    expect(told.floorMs).toBe(marks[0]!.untilMs)
  })

  test('an ingest with a clock that is behind learns how far the watermark may have come', async () => {
    const now = Date.now()
    await tellMark(producer.client, prefix, ownMark(now))
    expect((await tellMark(producer.client, prefix, ownMark(now - hourMs, { id: 'early' }))).floorMs).toBe(
      now - hourMs,
    )
    await retireMarks(producer.client, prefix, [await lastMark('early')])
    await openSource().read()
    const late = await tellMark(producer.client, prefix, ownMark(now - hourMs, { id: 'late' }))
    expect(late.floorMs).toBe(now)
  })

  test('Redis is told the watermark again when it has forgotten it', async () => {
    const watermarkMs = Date.now() - 5_000
    await openSource().read(watermarkMs)
    const late = await tellMark(producer.client, prefix, ownMark(watermarkMs - hourMs))
    expect(late.floorMs).toBe(watermarkMs)
  })

  test('one that Redis has forgotten is retired, unless it is told meanwhile', async () => {
    const { client } = producer
    const now = Date.now()
    await tellMark(client, prefix, ownMark(now, { id: 'back' }))
    const forgotten = ['gone', 'back'].map((id) => ({ id, text: null }))
    await tellMark(client, prefix, ownMark(now, { id: 'own' }), forgotten)
    const { marks, retired } = await openSource().read()
    expect(retired).toEqual(['gone'])
    expect(marks.map(({ id }) => id).sort()).toEqual(['back', 'own'])
  })

  test('one that covers others retires them, unless they have been told again', async () => {
    const { client } = producer
    const now = Date.now()
    for (const id of ['gone', 'back']) await tellMark(client, prefix, ownMark(now, { id }))
    const covered = [await lastMark('gone'), await lastMark('back')]
    await tellMark(client, prefix, ownMark(now, { id: 'back' }))
    await tellMark(client, prefix, ownMark(now - 1_000, { id: 'own' }), covered)
    const source = openSource()
    const read = await source.read()
    expect(read.retired).toEqual(['gone'])
    expect(read.marks.map(({ id }) => id).sort()).toEqual(['back', 'own'])

    await source.removeRetired(['gone', 'back'])
    const after = await source.read()
    expect(after.retired).toEqual([])
    expect(after.marks.map(({ id }) => id).sort()).toEqual(['back', 'own'])
  })

  test('one that cannot be read is an error that names the ingest', async () => {
    await producer.client.hset(`${prefix}:ingests`, 'odd', 'whatever')
    await expect(openSource().read()).rejects.toThrow('the mark of ingest odd in Redis cannot be read')
  })

  async function lastMark(id: string) {
    const { marks } = await openSource().read()
    return marks.find((mark) => mark.id === id)!
  }
})
