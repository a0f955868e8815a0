import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { fileURLToPath } from 'node:url'
import { choosePort, until } from '@vss-pipeline/local-stack'
import { request } from 'undici'
import { expect, onTestFinished, test } from 'vitest'
import { startCollector } from '../../support/collector.ts'
import { type RunningPipeline, startRunningPipeline } from '../../support/running-pipeline.ts'

const tellsOfModules = fileURLToPath(new URL('../../support/tell-of-modules.ts', import.meta.url))

async function postOnce({ webhookUrl }: RunningPipeline): Promise<void> {
  const answer = await request(webhookUrl, { method: 'POST', body: '{}' })
  await answer.body.dump()
  expect(answer.statusCode).toBe(200)
}

function complaints({ log }: RunningPipeline): string[] {
  return log.filter((line) => /"level":"(warn|error|fatal)"/.test(line) && line.includes('trace'))
}

test('a collector that is away disturbs nothing: one warning, and the stop is clean and in time', async () => {
  const port = await choosePort(0)
  const env = {
    OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${port}`,
    OTEL_EXPORTER_OTLP_TIMEOUT: '100',
    OTEL_BSP_SCHEDULE_DELAY: '10',
  }
  const pipeline = await startRunningPipeline({ workers: 0, env })
  await postOnce(pipeline)
  await until('a warning', () => complaints(pipeline).length > 0, { timeoutMs: 15_000 })
  for (let posts = 0; posts < 20; posts++) await postOnce(pipeline)

  const startedAt = performance.now()
  await pipeline.ingest.stop()
  expect(performance.now() - startedAt).toBeLessThan(10_000)
  expect(await pipeline.ingest.ended).toBe('exited with code 0')
  const messages = complaints(pipeline).map((line) => JSON.parse(line).msg)
  expect(messages.filter((message) => message !== 'the last traces could not be sent')).toEqual([
    'the collector does not take traces: they are lost',
  ])
})

test('a collector that takes requests and never answers holds up no stop', async () => {
  const server = createServer(() => undefined)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  const env = { OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${(server.address() as AddressInfo).port}` }
  const pipeline = await startRunningPipeline({ workers: 0, env })
  await postOnce(pipeline)

  const startedAt = performance.now()
  await pipeline.ingest.stop()
  expect(performance.now() - startedAt).toBeLessThan(10_000)
  expect(await pipeline.ingest.ended).toBe('exited with code 0')
  expect(complaints(pipeline).map((line) => JSON.parse(line).msg)).toEqual([
    'the last traces could not be sent',
  ])
})

test('the spans that wait at a stop are sent', async () => {
  const collector = await startCollector()
  const pipeline = await startRunningPipeline({
    workers: 0,
    env: { ...collector.env, OTEL_BSP_SCHEDULE_DELAY: '60000' },
  })
  await postOnce(pipeline)
  expect(collector.spans).toEqual([])
  await pipeline.ingest.stop()
  expect(collector.spans.map(({ kind }) => kind)).toEqual(['client', 'server'])
})

test('the collector gets the headers, the name and the attributes that are set, at the path for traces', async () => {
  const collector = await startCollector()
  const pipeline = await startRunningPipeline({
    workers: 0,
    env: {
      ...collector.env,
      OTEL_EXPORTER_OTLP_HEADERS: 'x-key=a%2Cb',
      OTEL_SERVICE_NAME: 'webhooks',
      OTEL_RESOURCE_ATTRIBUTES: 'deployment.environment.name=test',
    },
  })
  await postOnce(pipeline)
  const { resource } = await collector.untilSpan('a span', () => true)
  expect(resource).toMatchObject({
    'service.name': 'webhooks',
    'service.version': expect.stringMatching(/^\d/),
    'deployment.environment.name': 'test',
  })
  expect(collector.requests[0]).toMatchObject({
    path: '/v1/traces',
    headers: { 'x-key': 'a,b', 'content-type': 'application/x-protobuf' },
  })
})

test.each([
  ['without OTEL_…', false, {}],
  ['with OTEL_SDK_DISABLED', false, { OTEL_TRACES_EXPORTER: 'otlp', OTEL_SDK_DISABLED: 'true' }],
  [
    'with OTEL_TRACES_EXPORTER=none',
    false,
    { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:9', OTEL_TRACES_EXPORTER: 'none' },
  ],
  ['with OTEL_TRACES_EXPORTER=otlp', true, { OTEL_TRACES_EXPORTER: 'otlp' }],
])('%s, the SDK of OpenTelemetry is loaded: %s', async (_, isLoaded, settings) => {
  const pipeline = await startRunningPipeline({
    env: { ...settings, NODE_OPTIONS: `--import ${tellsOfModules}` },
  })
  await postOnce(pipeline)
  await Promise.all(pipeline.services.map((service) => service.stop()))
  const told = pipeline.log.filter((line) => line.startsWith('modules of the SDK: '))
  expect(told.map((line) => !line.endsWith(': 0'))).toEqual([isLoaded, isLoaded])
})
