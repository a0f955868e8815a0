import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { until } from '@vss-pipeline/local-stack'
import { createProducer, readMarks } from '@vss-pipeline/queue'
import { request } from 'undici'
import { beforeEach, expect, onTestFinished, test } from 'vitest'
import { openSpool, type Spool } from '../../../services/ingest/src/spool/spool.ts'
import { createInHand, startMarkTelling } from '../../../services/ingest/src/watermark.ts'
import { freshPrefix } from '../../support/batches.ts'
import { makeDelivery } from '../../support/deliveries.ts'
import { startOwnRedis } from '../../support/own-redis.ts'
import { createRecordingLogger } from '../../support/recording-logger.ts'
import { untilConnected } from '../../support/redis-connection.ts'
import { type IngestProcess, spawnIngest, untilListening, untilLogged } from './ingest-process.ts'

const redis = await startOwnRedis()
const soon = { timeoutMs: 10_000 }

let prefix: string
let dir: string

beforeEach(async () => {
  await redis.start()
  prefix = freshPrefix()
  dir = mkdtempSync(join(tmpdir(), 'vss-spool-'))
  return () => rmSync(dir, { recursive: true })
})

function spawn(env: Record<string, string> = {}): IngestProcess {
  return spawnIngest({
    PORT: '0',
    OPS_PORT: '0',
    REDIS_URL: redis.url,
    QUEUE_PREFIX: prefix,
    SPOOL_DIR: dir,
    ...env,
  })
}

async function post(url: string): Promise<number> {
  const response = await request(url, { method: 'POST', body: '{}' })
  await response.body.dump()
  return response.statusCode
}

async function readiness(opsUrl: string): Promise<number> {
  const { statusCode, body } = await request(`${opsUrl}/readyz`)
  await body.dump()
  return statusCode
}

/** Reads what the ingests have told. */
async function openReader() {
  const { logger } = createRecordingLogger('silent')
  const producer = createProducer({ redisUrl: redis.url, prefix, logger, commandTimeoutMs: 5_000 })
  onTestFinished(() => producer.close())
  await untilConnected(producer)
  return () => readMarks(producer.client, prefix)
}

test('while Redis is away, an ingest whose spool nobody knows of keeps nothing; one that is known does', async () => {
  await redis.kill()
  const unknown = spawn()
  const first = await untilListening(unknown, { redisIsAway: true })
  expect(await post(first.url)).toBe(503)
  expect(await readiness(first.opsUrl)).toBe(503)
  await untilLogged(unknown, 'refusing: Redis has not been reached since the start')

  await redis.start()
  await until('Readiness', async () => (await readiness(first.opsUrl)) === 200, soon)
  expect(await post(first.url)).toBe(200)
  unknown.child.kill('SIGKILL')
  await unknown.exited

  await redis.kill()
  const known = await untilListening(spawn(), { redisIsAway: true })
  expect(await post(known.url)).toBe(200)
  expect(await readiness(known.opsUrl)).toBe(200)
})

test('an ingest that has said goodbye keeps nothing before it has reached Redis again', async () => {
  const read = await openReader()
  const first = spawn()
  await untilListening(first)
  await until('A mark', async () => (await read()).marks.length === 1, soon)
  first.child.kill('SIGTERM')
  expect(await first.exited).toBe(0)
  expect((await read()).retired).toHaveLength(1)
  await redis.kill()
  const { url } = await untilListening(spawn(), { redisIsAway: true })
  expect(await post(url)).toBe(503)
})

test('an ingest tells how far it is: its clock, or what its spool holds', async () => {
  const read = await openReader()
  const startedAtMs = Date.now()
  const { url } = await untilListening(spawn())
  const mark = async () => (await read().catch(() => undefined))?.marks[0]
  await until('A mark', async () => ((await mark())?.untilMs ?? 0) >= startedAtMs, soon)
  expect(await mark()).toMatchObject({ hasSpool: true, place: expect.stringMatching(/^.+:.*vss-spool-/) })

  await redis.kill()
  const spooledBeforeMs = Date.now()
  expect(await post(url)).toBe(200)
  const spooledAfterMs = Date.now()
  await redis.start()
  // The queue has taken it over when the mark has passed it.
  await until('A mark beyond it', async () => ((await mark())?.untilMs ?? 0) > spooledAfterMs, soon)
  expect(spooledBeforeMs).toBeGreaterThan(startedAtMs)
})

test('an ingest retires the mark of one that was killed, once it has looked at its empty folder', async () => {
  const read = await openReader()
  const own = spawn()
  await untilListening(own)
  const doomed = spawn()
  await untilListening(doomed)
  await until('Two marks', async () => (await read()).marks.length === 2, soon)
  doomed.child.kill('SIGKILL')
  await doomed.exited
  await until('One mark, and a retired one', async () => (await read()).retired.length === 1, {
    timeoutMs: 20_000,
  })
  expect((await read()).marks).toHaveLength(1)
})

test('a clock that is behind stamps no delivery before the watermark', async () => {
  const read = await openReader()
  await untilListening(spawn())
  const hourMs = 3_600_000
  const { untilMs: boundMs } = await until('A mark', async () => (await read()).marks[0], soon)
  const shift = `const { now } = Date; Date.now = () => now() - ${hourMs}`
  const behind = spawn({ NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(shift)}` })
  const { url } = await untilListening(behind)
  const response = await request(url, { method: 'POST', body: '{}' })
  const { deliveryId } = (await response.body.json()) as { deliveryId: string }
  expect(Number.parseInt(deliveryId.replace('-', '').slice(0, 12), 16)).toBeGreaterThanOrEqual(boundMs)
})

/** Tells marks as ingest does. */
async function startTelling(spool?: Spool) {
  const { logger } = createRecordingLogger('silent')
  const producer = createProducer({ redisUrl: redis.url, prefix, logger, commandTimeoutMs: 5_000 })
  onTestFinished(() => producer.close())
  await untilConnected(producer)
  const inHand = createInHand()
  const telling = startMarkTelling({ producer, prefix, spool, inHand, logger })
  onTestFinished(() => telling.close())
  async function toldMs(): Promise<number> {
    await telling.tell()
    return (await readMarks(producer.client, prefix)).marks[0]!.untilMs
  }
  return { telling, inHand, toldMs }
}

test('the mark is not beyond a delivery in the spool, that of another instance included', async () => {
  const gone = await openSpool({ dir, maxBytes: 2 ** 20 })
  const spool = await openSpool({ dir, maxBytes: 2 ** 20 })
  onTestFinished(() => spool.close())
  const [oldest, older] = [makeDelivery('{}', 60), makeDelivery('{}', 30)]
  await gone.append([oldest])
  await gone.close()
  await spool.append([makeDelivery(), older])
  const { telling, toldMs } = await startTelling(spool)
  expect(await toldMs()).toBe(older.receivedAtMs)
  expect(await telling.adopt()).toBe(1)
  expect(await toldMs()).toBe(oldest.receivedAtMs)
  await spool.remove((await spool.oldest())!.through)
  expect(await toldMs()).toBeGreaterThan(older.receivedAtMs)
})

test('the mark is not beyond a delivery in hand', async () => {
  const { telling, inHand, toldMs } = await startTelling()
  const [older, newer] = [makeDelivery('{}', 60), makeDelivery('{}', 30)]
  const first = inHand.enter(newer)
  inHand.turn()
  const second = inHand.enter(older)
  expect(await toldMs()).toBe(older.receivedAtMs)
  inHand.leave(second)
  expect(await toldMs()).toBe(newer.receivedAtMs)
  inHand.leave(first)
  expect(await toldMs()).toBeGreaterThan(newer.receivedAtMs)
  expect(telling.floorMs).toBeGreaterThan(newer.receivedAtMs)
})
