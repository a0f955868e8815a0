import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { until } from '@vss-pipeline/local-stack'
import { createProducer, type IngestReport, readProcesses } from '@vss-pipeline/queue'
import { request } from 'undici'
import { beforeEach, expect, onTestFinished, test } from 'vitest'
import { freshPrefix } from '../../support/batches.ts'
import { startOwnRedis } from '../../support/own-redis.ts'
import { createRecordingLogger } from '../../support/recording-logger.ts'
import { untilConnected } from '../../support/redis-connection.ts'
import { type IngestProcess, spawnIngest, untilListening, untilLogged } from './ingest-process.ts'

const redis = await startOwnRedis()
const secret = 'a secret of the tests'

let prefix: string

beforeEach(async () => {
  await redis.start()
  prefix = freshPrefix()
})

function spawn(env: Record<string, string> = {}): IngestProcess {
  return spawnIngest({ PORT: '0', OPS_PORT: '0', REDIS_URL: redis.url, QUEUE_PREFIX: prefix, ...env })
}

async function send(url: string, options: { authorization?: string; method?: 'GET' } = {}): Promise<number> {
  const { authorization, method = 'POST' } = options
  const response = await request(url, {
    method,
    ...(method === 'POST' && { body: '{}' }),
    ...(authorization && { headers: { authorization } }),
  })
  await response.body.dump()
  return response.statusCode
}

/** Reads the report of the one ingest that runs. */
async function openReader(): Promise<() => Promise<IngestReport | undefined>> {
  const { logger } = createRecordingLogger('silent')
  const producer = createProducer({ redisUrl: redis.url, prefix, logger, commandTimeoutMs: 5_000 })
  onTestFinished(() => producer.close())
  await untilConnected(producer)
  return async () => {
    const list = await readProcesses(producer.client, prefix).catch(() => undefined)
    return list?.running.find((process) => process.service === 'ingest')
  }
}

test('POSTs that are refused show within a second or so, by their reason, and leave a warning', async () => {
  const read = await openReader()
  const ingest = spawn({ WEBHOOK_SECRETS: secret })
  const { url } = await untilListening(ingest)
  await until('A report', async () => (await read()) !== undefined, { timeoutMs: 5_000 })
  expect(await read()).toMatchObject({
    hasSecret: true,
    spool: null,
    shards: 1,
    waitReplicas: 0,
    lastReceivedAtMs: null,
  })

  expect(await send(url, { authorization: secret })).toBe(200)
  for (let posts = 0; posts < 3; posts++) expect(await send(url, { authorization: 'wrong' })).toBe(401)
  expect(await send(`${url}/elsewhere`, { authorization: secret })).toBe(404)
  const isTold = async () => Object.keys((await read())?.lastHour.refused ?? {}).length === 2
  await until('The refusals', isTold, { timeoutMs: 1_500 })
  const report = await read()
  expect(report?.lastHour).toEqual({ accepted: 1, refused: { unauthorized: 3, not_found: 1 } })
  expect(Math.abs(report!.lastReceivedAtMs! - Date.now())).toBeLessThan(10_000)

  await untilLogged(ingest, '1 POST refused: unauthorized, from 1 address')
  await untilLogged(ingest, '1 POST refused: not_found, from 1 address')
  ingest.child.kill('SIGTERM')
  expect(await ingest.exited).toBe(0)
  const warnings = ingest.log().filter(({ level, reason }) => level === 'warn' && reason === 'unauthorized')
  expect(warnings.map(({ msg }) => String(msg).replace(/in \d+ s/, 'in so many s'))).toEqual([
    '1 POST refused: unauthorized, from 1 address',
    '2 POSTs refused in so many s: unauthorized, from 1 address',
  ])
  expect(await read()).toBeUndefined()
})

test('a health check by GET is no refused POST', async () => {
  const read = await openReader()
  const ingest = spawn()
  const { url } = await untilListening(ingest)
  expect(await send(url, { method: 'GET' })).toBe(405)
  expect(await send(new URL('/', url).href, { method: 'GET' })).toBe(404)
  expect(await send(url)).toBe(200)
  await until('The POST', async () => (await read())?.lastHour.accepted === 1, { timeoutMs: 5_000 })
  expect((await read())?.lastHour.refused).toEqual({})
  expect(ingest.log().filter(({ reason }) => reason !== undefined)).toEqual([])
})

test('an ingest without a spool says so at its start', async () => {
  const warning = 'SPOOL_DIR is not set: while Redis is away, every POST is refused'
  await untilLogged(spawn(), warning)
})

test('the spool of an outage, and its refusals, are told when Redis is back', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'vss-spool-'))
  onTestFinished(() => rmSync(dir, { recursive: true }))
  const read = await openReader()
  const ingest = spawn({ SPOOL_DIR: dir, WEBHOOK_SECRETS: secret, ENQUEUE_TIMEOUT_MS: '300' })
  const { url } = await untilListening(ingest)
  const emptySpool = { deliveries: 0, bytes: 0, oldestMs: null, notEmptySinceMs: null }
  await until('A report', async () => Number((await read())?.spool?.diskFreeBytes) > 0, { timeoutMs: 5_000 })
  expect((await read())?.spool).toMatchObject({ ...emptySpool, maxBytes: expect.any(Number) })
  expect(ingest.log().map(({ msg }) => msg)).not.toContainEqual(expect.stringContaining('SPOOL_DIR'))

  await redis.kill()
  expect(await send(url, { authorization: secret })).toBe(200)
  expect(await send(url, { authorization: 'wrong' })).toBe(401)
  await redis.start()
  const isTold = async () => (await read())?.lastHour.refused.unauthorized === 1
  await until('The report', isTold, { timeoutMs: 5_000 })
  expect((await read())?.lastHour).toEqual({ accepted: 1, refused: { unauthorized: 1 } })
  await until('An empty spool', async () => (await read())?.spool?.deliveries === 0, { timeoutMs: 5_000 })
  expect((await read())?.spool).toMatchObject(emptySpool)
})
