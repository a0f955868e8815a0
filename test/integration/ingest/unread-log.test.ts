import { webhookPath } from '@vss-pipeline/delivery'
import { choosePort, until } from '@vss-pipeline/local-stack'
import { request } from 'undici'
import { expect, test } from 'vitest'
import { freshPrefix } from '../../support/batches.ts'
import { makeFifo } from '../../support/fifo.ts'
import { startOwnRedis } from '../../support/own-redis.ts'
import { readMetric } from '../../support/service-metric.ts'
import { spawnIngest } from './ingest-process.ts'

const redis = await startOwnRedis()

test('a log that nobody reads stops neither POSTs nor health checks', async () => {
  const stdout = makeFifo()
  stdout.fill()
  const port = await choosePort(0)
  const opsPort = await choosePort(0)
  const ingest = spawnIngest(
    { PORT: String(port), OPS_PORT: String(opsPort), REDIS_URL: redis.url, QUEUE_PREFIX: freshPrefix() },
    { stdout: stdout.writer },
  )
  const opsUrl = `http://127.0.0.1:${opsPort}`
  const statusOf = (url: string, method: 'GET' | 'POST') =>
    request(url, { method, headersTimeout: 2_000 }).then(
      async ({ statusCode, body }) => body.dump().then(() => statusCode),
      () => undefined,
    )
  const acknowledges = async () => (await statusOf(`http://127.0.0.1:${port}${webhookPath}`, 'POST')) === 200
  await until('The first acknowledgement', acknowledges, { timeoutMs: 10_000 })

  for (let times = 0; times < 8; times++) {
    await redis.client.call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes')
    await until('An acknowledgement', acknowledges, { timeoutMs: 10_000 })
    expect(await statusOf(`${opsUrl}/livez`, 'GET')).toBe(200)
  }
  expect(await readMetric(opsUrl, 'vss_log_lines_dropped_total'), 'a few lines fit in memory').toBe(0)

  let log = ''
  stdout.read().on('data', (chunk) => (log += chunk))
  const messages = () =>
    log
      .trimStart()
      .split('\n')
      .slice(0, -1)
      .map((line) => JSON.parse(line).msg)
  await until('"Redis is back" in the log', () => messages().includes('Redis is back'), { timeoutMs: 5_000 })
  expect(messages()).toEqual(expect.arrayContaining(['listening', 'Redis is away, reconnecting']))
  ingest.child.kill('SIGTERM')
  expect(await ingest.exited).toBe(0)
  await until('The last line', () => messages().at(-1) === 'stopped', { timeoutMs: 5_000 })
})
