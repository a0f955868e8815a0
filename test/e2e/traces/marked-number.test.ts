import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { until } from '@vss-pipeline/local-stack'
import { request } from 'undici'
import { describe, expect, test } from 'vitest'
import { countLedger } from '../../support/accounting.ts'
import { startCollector } from '../../support/collector.ts'
import { type FaultyPipeline, startFaultyPipeline } from '../../support/faulty-pipeline.ts'
import { findMarked, marked, spellings } from '../../support/marked-number.ts'
import { sendRaw } from '../../support/raw-request.ts'
import { readMetric } from '../../support/service-metric.ts'
import { completedExample, type WireEvent } from '../../support/vendor-examples.ts'
import { vss } from '../../support/vss-command.ts'

const secret = 'correct-horse-battery-staple'
const statements = ['BEGIN', 'SELECT', 'INSERT', 'COPY', 'UPDATE', 'DELETE', 'COMMIT']
const number = Number(marked.slice(1))

/** Events with the number where one is expected, where none is, and where it makes the event unusable. */
function eventsWith(spelling: string): (string | Uint8Array)[] {
  const changed = (change: (event: WireEvent) => void) => {
    const event = completedExample()
    change(event)
    return JSON.stringify(event)
  }
  const event = changed(({ payload }) => {
    payload.sessionId = crypto.randomUUID()
    payload.details.callA.source = spelling
    payload.details.callB.destination = spelling
    payload.details.callB.destinationRefId = spelling
  })
  return [
    event,
    gzipSync(event),
    changed(({ payload }) => {
      payload.sessionId = crypto.randomUUID()
      payload.details.callA.source = number
      payload.details.callA.callDirection = spelling
      payload.details.callA[spelling] = spelling
      payload.clientRequestId = spelling
      payload.sessionStatus = spelling
      payload[spelling] = { [spelling]: [spelling] }
      payload.endTime = spelling
      payload.callCount = spelling
    }),
    changed(({ payload }) => (payload.sessionId = spelling)),
    changed(({ payload }) => (payload.subAccountId = number)),
    changed(({ payload }) => (payload.details[`call${spelling}`] = spelling)),
    changed((whole) => (whole.eventType = spelling)),
    changed((whole) => (whole.namespace = spelling)),
    changed(({ payload }) => (payload.clientRequestId = `${spelling}\u0000\ud800`)),
    event.slice(0, -2),
    `{"payload": ${spelling}`,
    JSON.stringify(spelling),
    `${number}`,
    gzipSync(event).subarray(0, -4),
  ]
}

/** Every header that somebody may read, log or pass on. */
const oddHeaders = {
  traceparent: marked,
  tracestate: `8x8=${marked}`,
  baggage: `caller=${encodeURIComponent(marked)}`,
  'user-agent': `VSS/${marked}`,
  'x-forwarded-for': marked,
  'x-request-id': marked,
  'content-type': `application/json; number="${marked}"`,
  referer: `https://example.com/?${marked}`,
  cookie: `number=${marked}`,
}

interface Posting {
  acknowledged: number
  statuses: Set<number>
}

async function postEverywhere(
  { webhookUrl }: FaultyPipeline,
  posting: Posting,
  inSpellings: readonly string[],
): Promise<void> {
  async function post(url: string, body: string | Uint8Array, headers: Record<string, string> = {}) {
    const answer = await request(url, {
      method: 'POST',
      body,
      headers: { authorization: secret, ...headers },
    })
    const text = await answer.body.text()
    expect(findMarked(text), 'an answer').toEqual([])
    posting.statuses.add(answer.statusCode)
    if (answer.statusCode === 200) posting.acknowledged++
  }
  for (const spelling of inSpellings) {
    for (const body of eventsWith(spelling)) await post(webhookUrl, body)
    const [event] = eventsWith(spelling)
    await post(`${webhookUrl}?from=${encodeURIComponent(spelling)}`, event!, oddHeaders)
    await post(`${webhookUrl}/${encodeURIComponent(spelling)}`, event!)
    await post(webhookUrl, event!, { authorization: spelling })
    await post(webhookUrl, event!, {
      traceparent: `00-${'0'.repeat(20)}${marked.slice(1)}-${marked.slice(1)}0000-01x`,
    })
    await post(webhookUrl, `${spelling} `.repeat(10_000))
  }
  const port = Number(new URL(webhookUrl).port)
  for (const head of [
    `${marked} / HTTP/1.1`,
    `GET /webhooks/vss?${marked} HTTP/1.1\r\nHost: ${marked}`,
    `POST /webhooks/vss HTTP/1.1\r\nHost: a\r\n${marked}`,
    `POST /webhooks/vss HTTP/1.1\r\nHost: a\r\nX-Number: ${marked.repeat(1_000)}`,
    `POST http://${marked}/ HTTP/1.1\r\nHost: :${marked}:`,
    `POST /webhooks/vss HTTP/1.1\r\nHost: a\r\nAuthorization: ${secret}\r\nTransfer-Encoding: chunked\r\n\r\n${marked}`,
  ]) {
    const answer = await sendRaw(port, `${head}\r\n\r\n`)
    expect(findMarked(answer), 'an answer').toEqual([])
  }
}

test('a phone number that is posted everywhere is in no log, metric, trace, answer or file but the data', async () => {
  const collector = await startCollector()
  const pipeline = await startFaultyPipeline({
    env: {
      ...collector.env,
      LOG_LEVEL: 'trace',
      WEBHOOK_SECRETS: secret,
      TRUSTED_PROXIES: '127.0.0.1',
      ENQUEUE_TIMEOUT_MS: '200',
    },
  })
  const { redis, postgres, pool, ingest, workers, log, spoolDir } = pipeline
  const posting: Posting = { acknowledged: 0, statuses: new Set() }
  const outputs = new Map<string, string | Uint8Array>()
  const settings = {
    DATABASE_URL: pipeline.databaseUrl,
    REDIS_URL: pipeline.redisUrl,
    QUEUE_PREFIX: pipeline.queuePrefix,
  }

  async function takeOutputs(when: string): Promise<void> {
    for (const { name, opsUrl } of [ingest, ...workers]) {
      for (const path of ['metrics', 'readyz', 'livez']) {
        const { body } = await request(`${opsUrl}/${path}`)
        outputs.set(`${path} of ${name} ${when}`, await body.text())
      }
    }
    const commands = [
      ['status', '--json'],
      ['drift', '--json'],
      ['consumers', 'list'],
      ['sessions', 'show', crypto.randomUUID()],
    ]
    await Promise.all(
      commands.map(async (command) => {
        const { stdout, stderr } = await vss(command, settings)
        outputs.set(`vss ${command.join(' ')} ${when}`, stdout + stderr)
      }),
    )
  }

  await postEverywhere(pipeline, posting, spellings)
  await until('rows', async () => (await countLedger(pool)) >= posting.acknowledged, { timeoutMs: 30_000 })
  await takeOutputs('while all is well')

  await postgres.stop()
  await postEverywhere(pipeline, posting, spellings.slice(0, 2))
  await takeOutputs('without Postgres')
  await redis.kill()
  await postEverywhere(pipeline, posting, spellings.slice(0, 2))
  await takeOutputs('without both')
  await redis.start()
  await postgres.start()
  await postgres.kill()
  await postgres.start()
  await until('all rows', async () => (await countLedger(pool)) === posting.acknowledged, {
    timeoutMs: 60_000,
  })
  await until('an empty spool', async () => (await readMetric(ingest.opsUrl, 'vss_spool_deliveries')) === 0, {
    timeoutMs: 10_000,
  })
  await takeOutputs('after it')
  await Promise.all(pipeline.services.map((service) => service.stop()))

  const folder = dirname(spoolDir)
  for (const file of [...filesIn(spoolDir), ...filesIn(folder).filter((path) => path.endsWith('.log'))]) {
    outputs.set(file, readFileSync(file))
  }
  outputs.set('logs', log.join('\n'))
  for (const [index, { path, headers, body }] of collector.requests.entries()) {
    outputs.set(`export ${index}`, Buffer.concat([Buffer.from(JSON.stringify({ path, headers })), body]))
  }

  const found = [...outputs].flatMap(([name, output]) => findMarked(output).map((text) => `${name}: ${text}`))
  expect(found).toEqual([])

  // It was posted, kept, traced and logged.
  expect([...posting.statuses].sort()).toEqual([200, 401, 404, 413])
  const { rows } = await pool.query<{ bodies: number }>(
    "SELECT count(*)::integer AS bodies FROM vss.bodies WHERE position('7946095812' IN encode(body, 'escape')) > 0",
  )
  expect(rows[0]!.bodies).toBeGreaterThan(spellings.length)
  expect(collector.spans.filter(({ kind }) => kind === 'server').length).toBeGreaterThan(posting.acknowledged)
  expect(new Set(collector.spans.map(({ name }) => name.split(' ')[0]))).toEqual(
    new Set(['POST', 'GET', 'send', 'spool', 'process', 'flush', ...statements]),
  )
  expect([...outputs.keys()].filter((name) => name.includes('spool.sqlite'))).not.toEqual([])
  expect(log.some((line) => line.includes('the database is away'))).toBe(true)
}, 180_000)

function filesIn(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
}

describe('the search finds the number', () => {
  test.each([
    ...spellings,
    Buffer.from(`{"a": "${marked}"}`).toString('base64'),
    Buffer.from(`{"ab": "${marked}"}`).toString('base64'),
    Buffer.from(`{"abc": "${marked}"}`).toString('base64'),
    Buffer.from(marked).toString('hex'),
    JSON.stringify(Buffer.from(marked)),
  ])('%s', (output) => {
    expect(findMarked(`before ${output} behind`)).toHaveLength(1)
  })
})
