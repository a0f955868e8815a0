import { once } from 'node:events'
import { createServer } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import { Counter, Gauge, Registry } from 'prom-client'
import { expect, onTestFinished, test } from 'vitest'
import { createProgress } from '../progress.ts'
import { createLifecycle } from './lifecycle.ts'
import { createLogger } from './logger.ts'
import { createMetricsRegistry } from './metrics.ts'
import { createOpsApp, type ReadinessCheck, startOpsServer } from './ops.ts'

const progress = createProgress({ stuckAfterMs: 60_000 })

function createTestApp(checks: Record<string, ReadinessCheck> = {}, registry = new Registry()) {
  return createOpsApp({ registry, checks, progress })
}

async function readyz(checks: Record<string, ReadinessCheck>) {
  const response = await createTestApp(checks).request('/readyz')
  return { status: response.status, body: await response.json() }
}

test('livez is 200 though a check of readiness fails', async () => {
  const response = await createTestApp({ redis: () => Promise.reject(new Error('down')) }).request('/livez')
  expect(response.status).toBe(200)
  expect(await response.json()).toEqual({ status: 'alive' })
})

test('livez is 503 when the work in hand does not move on', async () => {
  const stuck = { ...progress, isStuck: true }
  const response = await createOpsApp({ registry: new Registry(), checks: {}, progress: stuck }).request(
    '/livez',
  )
  expect(response.status).toBe(503)
  expect(await response.json()).toEqual({ status: 'stuck' })
})

test('readyz is 200 when every check passes, and names them', async () => {
  expect(await readyz({ redis: async () => 'PONG', postgres: async () => 1 })).toEqual({
    status: 200,
    body: { status: 'ready', checks: { redis: 'ok', postgres: 'ok' } },
  })
})

test('readyz is 503 when a check fails, at once or later, and does not show why', async () => {
  const { status, body } = await readyz({
    redis: () => Promise.reject(new Error('redis://:secret@host')),
    postgres: () => {
      throw new Error('postgres://:secret@host')
    },
    clock: async () => 'ok',
  })
  expect(status).toBe(503)
  expect(body).toEqual({
    status: 'not ready',
    checks: { redis: 'failed', postgres: 'failed', clock: 'ok' },
  })
})

test('readyz answers within 2 s though a check hangs', async () => {
  const startedAt = performance.now()
  const { status, body } = await readyz({ redis: () => new Promise(() => undefined), clock: async () => 1 })
  expect(performance.now() - startedAt).toBeLessThan(2_000)
  expect(status).toBe(503)
  expect(body).toEqual({ status: 'not ready', checks: { redis: 'failed', clock: 'ok' } })
})

test('metrics are Prometheus text, and have those of the process', async () => {
  const registry = createMetricsRegistry()
  new Counter({ name: 'test_total', help: 'A test.', registers: [registry] }).inc(3)
  const response = await createTestApp({}, registry).request('/metrics')
  expect(response.status).toBe(200)
  expect(response.headers.get('content-type')).toMatch(/^text\/plain; version=0\.0\.4/)
  const text = await response.text()
  expect(text).toMatch(/^test_total 3$/m)
  expect(text).toMatch(/^process_resident_memory_bytes \d+$/m)
})

test('requests for metrics at the same time share one rendering, and a later one gets a new one', async () => {
  const registry = new Registry()
  let renderings = 0
  new Gauge({
    name: 'renderings',
    help: 'A test.',
    registers: [registry],
    collect() {
      this.set(++renderings)
    },
  })
  const app = createTestApp({}, registry)
  const read = async () => (await app.request('/metrics')).text()
  const texts = await Promise.all(Array.from({ length: 100 }, read))
  expect(new Set(texts).size).toBe(1)
  expect(renderings).toBe(1)
  expect(await read()).toMatch(/^renderings 2$/m)
})

test('other paths and methods are 404', async () => {
  expect((await createTestApp().request('/')).status).toBe(404)
  expect((await createTestApp().request('/livez', { method: 'POST' })).status).toBe(404)
})

test('the ops listener serves until its lifecycle closes', async () => {
  const lifecycle = createLifecycle({ logger: silent(), timeoutMs: 5_000 })
  const port = await startOpsServer({
    host: '127.0.0.1',
    port: 0,
    registry: new Registry(),
    checks: {},
    progress,
    lifecycle,
  })
  expect((await fetch(`http://127.0.0.1:${port}/livez`)).status).toBe(200)
  expect(await lifecycle.close()).toBe(true)
  await expect(fetch(`http://127.0.0.1:${port}/livez`)).rejects.toThrow()
})

test('a flood of pipelined requests costs one rendering a connection, which is then closed', async () => {
  const lifecycle = createLifecycle({ logger: silent(), timeoutMs: 5_000 })
  onTestFinished(() => void lifecycle.close())
  const registry = new Registry()
  let renderings = 0
  const collect = () => void renderings++
  new Gauge({ name: 'test', help: 'A test.', registers: [registry], collect })
  const options = { host: '127.0.0.1', port: 0, registry, checks: {}, progress, lifecycle }
  const port = await startOpsServer(options)
  const sockets = Array.from({ length: 10 }, () => connect(port, '127.0.0.1'))
  const flood = 'GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n'.repeat(1_900)
  await Promise.all(
    sockets.map((socket) => {
      socket.on('error', () => undefined)
      socket.resume().write(flood)
      return once(socket, 'close')
    }),
  )
  expect(renderings).toBeLessThanOrEqual(10)
  expect((await fetch(`http://127.0.0.1:${port}/livez`)).status).toBe(200)
})

test('the ops port serves a health check of HTTP/1.0', async () => {
  const lifecycle = createLifecycle({ logger: silent(), timeoutMs: 5_000 })
  onTestFinished(() => void lifecycle.close())
  const options = { host: '127.0.0.1', port: 0, registry: new Registry(), checks: {}, progress, lifecycle }
  const socket = connect(await startOpsServer(options), '127.0.0.1')
  socket.write('GET /livez HTTP/1.0\r\n\r\n')
  const [chunk] = await once(socket, 'data')
  expect(String(chunk)).toMatch(/^HTTP\/1\.1 200 /)
})

test('an ops port in use is an error that names OPS_PORT', async () => {
  const taken = createServer().listen(0, '127.0.0.1')
  await once(taken, 'listening')
  const { port } = taken.address() as AddressInfo
  const lifecycle = createLifecycle({ logger: silent(), timeoutMs: 5_000 })
  const registry = new Registry()
  await expect(
    startOpsServer({ host: '127.0.0.1', port, registry, checks: {}, progress, lifecycle }),
  ).rejects.toThrow(`127.0.0.1:${port}: the port is in use (set OPS_PORT to another one)`)
  taken.close()
})

function silent() {
  return createLogger({ service: 'test', level: 'silent' })
}
