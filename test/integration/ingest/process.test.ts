import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { until } from '@vss-pipeline/local-stack'
import { createProducer, openBatch } from '@vss-pipeline/queue'
import { settings } from '@vss-pipeline/runtime'
import { Agent, request } from 'undici'
import { describe, expect, inject, onTestFinished, test } from 'vitest'
import { freshPrefix } from '../../support/batches.ts'
import { makeFifo } from '../../support/fifo.ts'
import { startOwnRedis } from '../../support/own-redis.ts'
import { createRecordingLogger } from '../../support/recording-logger.ts'
import { untilConnected } from '../../support/redis-connection.ts'
import { spawnIngest, untilListening, untilLogged } from './ingest-process.ts'
import { openRawClient } from './raw-client.ts'

const redisUrl = inject('redisUrl')
/** A Redis that tests may stop or freeze without harm to other files. */
const ownRedis = await startOwnRedis()
const free = { PORT: '0', OPS_PORT: '0' }

/** The ids in the queue of a prefix, whose keys are removed when the test has finished. */
async function readIds(prefix: string): Promise<Set<string>> {
  const { logger } = createRecordingLogger()
  const producer = createProducer({ redisUrl, prefix, logger, commandTimeoutMs: 5_000 })
  onTestFinished(async () => {
    await producer.shards[0]!.queue.obliterate({ force: true })
    await producer.close()
  })
  await untilConnected(producer)
  const jobs = await producer.shards[0]!.queue.getJobs(['waiting'])
  return new Set(jobs.flatMap(({ data }) => openBatch(data).deliveryIds))
}

async function takePort(): Promise<string> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => void server.close())
  return String((server.address() as AddressInfo).port)
}

test('PORT=0 picks free ports, which the line "listening" names; both listeners serve', async () => {
  const prefix = freshPrefix()
  const ingest = spawnIngest({ ...free, REDIS_URL: redisUrl, QUEUE_PREFIX: prefix })
  const { url, opsUrl, port, opsPort } = await untilListening(ingest)
  expect(ingest.log().find(({ msg }) => msg === 'listening')).toMatchObject({
    level: 'info',
    service: 'ingest',
    host: '127.0.0.1',
  })
  expect(port).not.toBe(opsPort)
  const readyz = await (await request(`${opsUrl}/readyz`)).body.json()
  expect(readyz).toEqual({ status: 'ready', checks: { redis: 'ok' } })

  const response = await request(url, { method: 'POST', body: '{}' })
  expect(response.statusCode).toBe(200)
  const { deliveryId } = (await response.body.json()) as { deliveryId: string }
  const metrics = await (await request(`${opsUrl}/metrics`)).body.text()
  for (const sample of [
    'vss_deliveries_accepted_total 1',
    'vss_batch_deliveries_count 1',
    'vss_enqueue_seconds_count 1',
    'vss_queue_jobs{state="waiting"} 1',
  ]) {
    expect(metrics.split('\n')).toContain(sample)
  }
  expect(metrics).toMatch(/^vss_queue_oldest_waiting_seconds [\d.e-]+$/m)
  expect((await request(`http://127.0.0.1:${port}/metrics`)).statusCode).toBe(404)
  expect(await readIds(prefix)).toEqual(new Set([deliveryId]))
})

// Other systems have 127.0.0.1 alone, until another address is set up.
test.skipIf(process.platform !== 'linux')(
  'OPS_HOST keeps health and metrics off the public address',
  async () => {
    const ingest = spawnIngest({
      ...free,
      OPS_HOST: '127.0.0.2',
      REDIS_URL: redisUrl,
      QUEUE_PREFIX: freshPrefix(),
    })
    const { port, opsPort } = await untilLogged(ingest, 'listening')
    expect((await request(`http://127.0.0.2:${opsPort}/livez`)).statusCode).toBe(200)
    await expect(request(`http://127.0.0.1:${opsPort}/livez`)).rejects.toThrow('ECONNREFUSED')
    await expect(request(`http://127.0.0.2:${port}/`)).rejects.toThrow('ECONNREFUSED')
  },
)

test('a POST as soon as the log says "listening" is not refused', async () => {
  const ingest = spawnIngest({ ...free, REDIS_URL: redisUrl, QUEUE_PREFIX: freshPrefix() })
  const { url } = await untilListening(ingest, { redisIsAway: true })
  expect((await request(url, { method: 'POST', body: '{}' })).statusCode).toBe(200)
  ingest.child.kill('SIGTERM')
  expect(await ingest.exited).toBe(0)
})

describe('SIGTERM', () => {
  test('under load ends it with 0, and every acknowledged delivery is in the queue', async () => {
    const prefix = freshPrefix()
    const ingest = spawnIngest({ ...free, REDIS_URL: redisUrl, QUEUE_PREFIX: prefix })
    const { url } = await untilListening(ingest)
    const dispatcher = new Agent({ connections: 32 })
    onTestFinished(() => dispatcher.destroy())
    const acknowledged: string[] = []
    const others = new Map<string, number>()
    let ended = false
    async function keepPosting(): Promise<void> {
      while (!ended) {
        try {
          const response = await request(url, { method: 'POST', body: '{}', dispatcher })
          const { deliveryId } = (await response.body.json()) as { deliveryId: string }
          if (response.statusCode === 200) acknowledged.push(deliveryId)
          else others.set(String(response.statusCode), 1)
        } catch (error) {
          others.set((error as NodeJS.ErrnoException).code ?? 'unknown', 1)
          await new Promise(setImmediate)
        }
      }
    }
    const clients = Array.from({ length: 32 }, keepPosting)
    await until('load', () => acknowledged.length > 500, { timeoutMs: 10_000 })
    const startedAt = performance.now()
    ingest.child.kill('SIGTERM')
    expect(await ingest.exited).toBe(0)
    expect(performance.now() - startedAt).toBeLessThan(5_000)
    ended = true
    await Promise.all(clients)
    expect(ingest.log().slice(-2)).toMatchObject([
      { msg: 'stopping', signal: 'SIGTERM' },
      { msg: 'stopped', clean: true },
    ])
    // No answer was an error: connections were closed, and then refused.
    expect([...others.keys()].filter((kind) => /^\d+$/.test(kind))).toEqual([])
    const kept = await readIds(prefix)
    expect(acknowledged.filter((id) => !kept.has(id))).toEqual([])
    expect(ingest.output.stderr).toBe('')
  })

  test('ends it with 0 though clients hold idle connections and half requests', async () => {
    const ingest = spawnIngest({ ...free, REDIS_URL: redisUrl, SHUTDOWN_TIMEOUT_MS: '2000' })
    const { port } = await untilListening(ingest)
    await openRawClient(port)
    const half = await openRawClient(port)
    half.send('POST /webhooks/vss HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nhalf')
    ingest.child.kill('SIGTERM')
    expect(await ingest.exited).toBe(0)
    expect(ingest.log().at(-1)).toMatchObject({ msg: 'stopped', clean: true })
  })

  test('ends it with 0 while Redis is away', async () => {
    const ingest = spawnIngest({ ...free, REDIS_URL: `redis://127.0.0.1:${await takePort()}` })
    const { opsUrl } = await untilListening(ingest, { redisIsAway: true })
    expect((await request(`${opsUrl}/readyz`)).statusCode).toBe(503)
    expect((await request(`${opsUrl}/livez`)).statusCode).toBe(200)
    const startedAt = performance.now()
    ingest.child.kill('SIGTERM')
    expect(await ingest.exited).toBe(0)
    expect(performance.now() - startedAt).toBeLessThan(3_000)
  })
})

test('a shutdown that takes too long is cut off at the deadline, with exit code 1', async () => {
  const ingest = spawnIngest({
    ...free,
    REDIS_URL: ownRedis.url,
    ENQUEUE_TIMEOUT_MS: '60000',
    SHUTDOWN_TIMEOUT_MS: '300',
  })
  await untilListening(ingest)
  ownRedis.freeze()
  onTestFinished(ownRedis.thaw)
  const startedAt = performance.now()
  ingest.child.kill('SIGTERM')
  expect(await ingest.exited).toBe(1)
  expect(performance.now() - startedAt).toBeLessThan(3_000)
  expect(ingest.log().slice(-2)).toMatchObject([
    { level: 'error', closer: 'queue', msg: 'did not close cleanly' },
    { msg: 'stopped', clean: false },
  ])
})

test('SIGINT ends it as well', async () => {
  const ingest = spawnIngest({ ...free, REDIS_URL: redisUrl })
  await untilListening(ingest)
  ingest.child.kill('SIGINT')
  expect(await ingest.exited).toBe(0)
})

describe('a start that fails', () => {
  test.each(['PORT', 'OPS_PORT'])(
    'because %s is in use says so in one line, with exit code 1',
    async (variable) => {
      const port = await takePort()
      const ingest = spawnIngest({ ...free, REDIS_URL: redisUrl, [variable]: port })
      expect(await ingest.exited).toBe(1)
      const fatal = ingest.log().filter(({ level }) => level === 'fatal')
      expect(fatal.map(({ msg }) => msg)).toEqual([
        `cannot start: cannot listen on 127.0.0.1:${port}: the port is in use (set ${variable} to another one)`,
      ])
      expect(ingest.output.stderr).toBe('')
    },
  )

  test('ends at once though Redis is away as well', async () => {
    const port = await takePort()
    const ingest = spawnIngest({
      OPS_PORT: '0',
      PORT: port,
      REDIS_URL: `redis://127.0.0.1:${await takePort()}`,
    })
    const startedAt = performance.now()
    expect(await ingest.exited).toBe(1)
    expect(performance.now() - startedAt).toBeLessThan(5_000)
  })

  test('because a setting is in a FIFO that nobody writes to does not wait for a writer', async () => {
    const { path } = makeFifo()
    const ingest = spawnIngest({ REDIS_URL: redisUrl, WEBHOOK_SECRETS_FILE: path })
    expect(await ingest.exited).toBe(1)
    expect(ingest.output.stderr).toBe(
      `ingest: WEBHOOK_SECRETS_FILE: cannot read "${path}" (not a regular file): it takes the path of a readable file\n`,
    )
  })

  const badSettings: [string, Record<string, string>, string][] = [
    ['a missing', {}, `REDIS_URL is not set: it takes ${settings.REDIS_URL.kind.takes}`],
    [
      'a wrong',
      { REDIS_URL: redisUrl, PORT: 'eighty' },
      'PORT is "eighty": it takes a whole number from 0 to 65535',
    ],
    [
      'an unreadable',
      { REDIS_URL: redisUrl, WEBHOOK_SECRETS_FILE: '/nowhere/secret' },
      'WEBHOOK_SECRETS_FILE: cannot read "/nowhere/secret" (ENOENT): it takes the path of a readable file',
    ],
    [
      'an empty',
      { REDIS_URL: redisUrl, WEBHOOK_SECRETS: ',' },
      'WEBHOOK_SECRETS is set but holds no secret: it takes secrets, separated by commas',
    ],
    [
      'an unsafe',
      { REDIS_URL: redisUrl, HOST: '0.0.0.0' },
      `HOST is "0.0.0.0" but WEBHOOK_SECRETS is not set: set a secret, or ALLOW_UNAUTHENTICATED=true to accept anyone's POST`,
    ],
  ]

  test.each(badSettings)(
    'because of %s setting says so in one line on standard error, with exit code 1',
    async (_, env, line) => {
      const ingest = spawnIngest(env)
      expect(await ingest.exited).toBe(1)
      expect(ingest.output).toEqual({ stdout: '', stderr: `ingest: ${line}\n` })
    },
  )
})

test('the log says that any POST is accepted, only where no secret is set', async () => {
  const warning = 'WEBHOOK_SECRETS is not set: any POST is accepted'
  const open = spawnIngest({ ...free, REDIS_URL: redisUrl })
  await untilListening(open)
  await untilLogged(open, warning)
  const closed = spawnIngest({ ...free, REDIS_URL: redisUrl, WEBHOOK_SECRETS: 'Bearer word' })
  const { url } = await untilListening(closed)
  expect((await request(url, { method: 'POST', body: '' })).statusCode).toBe(401)
  expect(
    (await request(url, { method: 'POST', body: '', headers: { authorization: 'Bearer word' } })).statusCode,
  ).toBe(200)
  expect(closed.log().map(({ msg }) => msg)).not.toContain(warning)
  expect(closed.output.stdout).not.toContain('Bearer word')
})
