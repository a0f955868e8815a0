import { randomBytes } from 'node:crypto'
import { until } from '@vss-pipeline/local-stack'
import { request } from 'undici'
import { expect, test } from 'vitest'
import { countLedger } from '../../support/accounting.ts'
import { type Collector, isLinkedTo, startCollector } from '../../support/collector.ts'
import { makeDelivery } from '../../support/deliveries.ts'
import { startFaultyPipeline } from '../../support/faulty-pipeline.ts'
import type { ReceivedSpan } from '../../support/otlp-message.ts'
import { openProducer } from '../../support/producer.ts'
import { startRunningPipeline } from '../../support/running-pipeline.ts'
import { readMetric } from '../../support/service-metric.ts'
import { bodyOf, completedExample } from '../../support/vendor-examples.ts'

const body = bodyOf(completedExample())

function freshContext(flags = '01') {
  const traceId = randomBytes(16).toString('hex')
  const spanId = randomBytes(8).toString('hex')
  return { traceId, spanId, traceparent: `00-${traceId}-${spanId}-${flags}` }
}

/** Posts a delivery. @returns its id. */
async function post(webhookUrl: string, headers: Record<string, string> = {}): Promise<string> {
  const answer = await request(webhookUrl, { method: 'POST', body, headers })
  expect(answer.statusCode).toBe(200)
  return ((await answer.body.json()) as { deliveryId: string }).deliveryId
}

function untilRequestSpan({ untilSpan }: Collector, deliveryId: string): Promise<ReceivedSpan> {
  return untilSpan('the span of a POST', ({ attributes }) => attributes['vss.delivery_id'] === deliveryId)
}

test('a delivery has a span at each step of its way, all linked to that of its POST', async () => {
  const collector = await startCollector()
  const { webhookUrl, queuePrefix } = await startRunningPipeline({ env: collector.env })
  const sender = freshContext()
  const deliveryId = await post(`${webhookUrl}?number=%2B4479460958`, { traceparent: sender.traceparent })

  const posted = await untilRequestSpan(collector, deliveryId)
  expect(posted).toMatchObject({
    traceId: sender.traceId,
    parentSpanId: sender.spanId,
    name: 'POST /webhooks/vss',
    kind: 'server',
    failed: false,
    links: [],
    resource: { 'service.name': 'vss-ingest' },
  })
  expect(posted.attributes).toEqual({
    'http.request.method': 'POST',
    'http.request.body.size': body.length,
    'http.response.status_code': 200,
    'http.route': '/webhooks/vss',
    'url.path': '/webhooks/vss',
    'url.scheme': 'http',
    'network.peer.address': '127.0.0.1',
    'client.address': '127.0.0.1',
    'vss.delivery_id': deliveryId,
  })

  const isStepOf = (name: string) => (span: ReceivedSpan) => span.name === name && isLinkedTo(span, posted)
  const sent = await collector.untilSpan('the span of its sending', isStepOf(`send ${queuePrefix}:batches`))
  const processed = await collector.untilSpan(
    'the span of its processing',
    isStepOf(`process ${queuePrefix}:batches`),
  )
  const flushed = await collector.untilSpan('the span of its transaction', isStepOf('flush'))
  expect(sent).toMatchObject({
    kind: 'client',
    parentSpanId: '',
    links: [{ attributes: { 'messaging.message.id': deliveryId } }],
    attributes: {
      'messaging.system': 'bullmq',
      'messaging.operation.type': 'send',
      'messaging.batch.message_count': 1,
    },
    resource: { 'service.name': 'vss-ingest' },
  })
  expect(processed).toMatchObject({
    kind: 'consumer',
    parentSpanId: '',
    attributes: {
      'messaging.operation.type': 'process',
      'vss.batch_id': sent.attributes['vss.batch_id']!,
    },
    resource: { 'service.name': 'vss-worker' },
  })
  const traces = [posted, sent, processed, flushed].map(({ traceId }) => traceId)
  expect(new Set(traces).size, 'a batch is in no trace of its deliveries').toBe(4)

  await collector.untilSpan('the span of the commit', (span) => isCommitOf(flushed, span))
  const statements = collector.spans.filter(({ parentSpanId }) => parentSpanId === flushed.spanId)
  expect(statements.map(({ name }) => name)).toEqual([
    'BEGIN',
    'INSERT vss.sessions',
    'COPY vss.call_legs',
    'COPY vss.deliveries',
    'COPY vss.bodies',
    expect.stringMatching(/^\w+ vss\.minute\w*$/),
    'COMMIT',
  ])
  for (const statement of statements) {
    expect(statement).toMatchObject({ kind: 'client', attributes: { 'db.system.name': 'postgresql' } })
  }
  for (const { startMs, endMs } of collector.spans) expect(endMs).toBeGreaterThanOrEqual(startMs)
})

function isCommitOf({ spanId }: ReceivedSpan, { name, parentSpanId }: ReceivedSpan): boolean {
  return name === 'COMMIT' && parentSpanId === spanId
}

test('a delivery that waited in the spool is still linked to its POST', async () => {
  const collector = await startCollector()
  const { webhookUrl, redis, ingest } = await startFaultyPipeline({ env: collector.env })
  await redis.kill()
  const deliveryId = await post(webhookUrl)
  expect(await readMetric(ingest.opsUrl, 'vss_spool_deliveries')).toBe(1)
  const posted = await untilRequestSpan(collector, deliveryId)
  await collector.untilSpan(
    'the span of its spooling',
    (span) => span.name === 'spool' && isLinkedTo(span, posted),
  )

  await redis.start()
  await collector.untilSpan('the span of its processing', (span) => {
    return span.kind === 'consumer' && isLinkedTo(span, posted)
  })
})

test('a full batch is linked to each of its POSTs', async () => {
  const collector = await startCollector()
  const pipeline = await startRunningPipeline({ env: collector.env })
  const producer = await openProducer(pipeline)
  const contexts = Array.from({ length: 500 }, () => freshContext())
  await producer.enqueue(contexts.map(({ traceparent }) => ({ ...makeDelivery(), context: { traceparent } })))

  for (const name of [`process ${pipeline.queuePrefix}:batches`, 'flush']) {
    const span = await collector.untilSpan(name, (span) => span.name === name)
    expect(span.links.map(({ traceId }) => traceId).sort()).toEqual(
      contexts.map(({ traceId }) => traceId).sort(),
    )
    expect(span.droppedLinks).toBe(0)
  }
})

test('a transaction that fails is a failed span with the code of its error, and the batch has one that succeeds', async () => {
  const collector = await startCollector()
  const { webhookUrl, postgres, pool } = await startFaultyPipeline({ env: collector.env })
  await postgres.stop()
  const posted = await untilRequestSpan(collector, await post(webhookUrl))
  const failed = await collector.untilSpan('a failed transaction', (span) => {
    return span.name === 'flush' && span.failed && isLinkedTo(span, posted)
  })
  expect(failed.attributes['error.type']).toMatch(/^\w+$/)
  expect({ events: failed.events, statusMessage: failed.statusMessage }).toEqual({
    events: 0,
    statusMessage: '',
  })

  await postgres.start()
  await until('its row', async () => (await countLedger(pool)) === 1, { timeoutMs: 20_000 })
  const processed = await collector.untilSpan('the span of its processing', (span) => {
    return span.kind === 'consumer' && isLinkedTo(span, posted)
  })
  expect(processed.failed).toBe(false)
})

test.each([
  ['of an unknown form', '4479460958'],
  ['that is too long', `00-${'a'.repeat(33)}-${'b'.repeat(16)}-01`],
  ['of zeros', `00-${'0'.repeat(32)}-${'b'.repeat(16)}-01`],
  ['of version ff', `ff-${'a'.repeat(32)}-${'b'.repeat(16)}-01`],
  ['in capitals', `00-${'A'.repeat(32)}-${'b'.repeat(16)}-01`],
  ['with more behind it', `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01-x`],
])('a traceparent %s begins no other trace than its own', async (_, traceparent) => {
  const collector = await startCollector()
  const { webhookUrl } = await startRunningPipeline({ workers: 0, env: collector.env })
  const posted = await untilRequestSpan(collector, await post(webhookUrl, { traceparent }))
  expect(posted.parentSpanId).toBe('')
  expect(JSON.stringify(collector.spans)).not.toContain('a'.repeat(32))
})

test('a stranger decides nothing: their refused POST is a root span, whatever traceparent it has', async () => {
  const collector = await startCollector()
  const { webhookUrl } = await startRunningPipeline({
    workers: 0,
    env: { ...collector.env, WEBHOOK_SECRETS: 'correct-horse-battery' },
  })
  const { traceparent } = freshContext()
  const answer = await request(webhookUrl, { method: 'POST', body, headers: { traceparent } })
  expect(answer.statusCode).toBe(401)
  const refused = await collector.untilSpan('the span of the refused POST', ({ kind }) => kind === 'server')
  expect(refused).toMatchObject({ parentSpanId: '', failed: false })
  expect(refused.attributes).toMatchObject({ 'http.response.status_code': 401 })
  expect(traceparent).not.toContain(refused.traceId)
})

test('a POST that its sender does not record is not recorded, nor is its batch', async () => {
  const collector = await startCollector()
  const { webhookUrl, pool } = await startRunningPipeline({
    env: { ...collector.env, OTEL_TRACES_SAMPLER: 'parentbased_always_off' },
  })
  await post(webhookUrl)
  await post(webhookUrl, { traceparent: freshContext('00').traceparent })
  await until('both rows', async () => (await countLedger(pool)) === 2, { timeoutMs: 20_000 })

  const recorded = freshContext('01')
  await post(webhookUrl, { traceparent: recorded.traceparent })
  await collector.untilSpan('the span of its transaction', ({ name }) => name === 'flush')
  const posts = collector.spans.filter(({ kind }) => kind === 'server')
  expect(posts.map(({ traceId }) => traceId)).toEqual([recorded.traceId])
  expect(collector.spans.filter(({ name }) => name === 'flush')).toHaveLength(1)
})
