import { generateEvents } from '@vss-pipeline/generator'
import { until } from '@vss-pipeline/local-stack'
import { describe, expect, test } from 'vitest'
import { expectAccountedFor } from '../support/accounting.ts'
import { postUntilAcknowledged } from '../support/load.ts'
import { startRunningPipeline } from '../support/running-pipeline.ts'
import { openTcpProxy } from '../support/tcp-proxy.ts'
import { proxies, startProxy } from './proxies.ts'

const env = { TRUSTED_PROXIES: '127.0.0.1/32' }

describe.each(proxies.map((proxy) => [proxy.name, proxy] as const))('behind %s', (name, proxy) => {
  test('every POST is acknowledged at its first try, because ingest closes no idle connection', async () => {
    const pipeline = await startRunningPipeline({ env })
    const network = await openTcpProxy(pipeline.webhookUrl)
    const url = await startProxy(proxy, network.url)
    const events = [...generateEvents({ seed: `behind-${name}`, count: 10_200, dirtyShare: 0.05 })]

    const busy = await postUntilAcknowledged(url, events.slice(0, 10_000), { connections: 64 })
    await until('The end of every idle connection', () => network.openConnections === 0, {
      timeoutMs: 180_000,
      pollMs: 500,
    })
    const { endings } = network
    const lastSeconds = Math.max(...endings.map(({ idleMs }) => idleMs)) / 1_000
    const endedByIngest = endings.filter(({ by }) => by === 'server')
    const after = await postUntilAcknowledged(url, events.slice(10_000), { connections: 64 })

    expect(endedByIngest).toEqual([])
    expect(lastSeconds).toBeGreaterThan(proxy.keepsIdleSeconds.least)
    expect(lastSeconds).toBeLessThan(proxy.keepsIdleSeconds.most)
    expect(Object.fromEntries(busy.answers)).toEqual({ 200: 10_000 })
    expect(Object.fromEntries(after.answers)).toEqual({ 200: 200 })
    await expectAccountedFor(pipeline.pool, [...busy.acknowledged, ...after.acknowledged], {
      withinMs: 30_000,
    })
  })

  test('a body over the limit is answered 413, and an unknown path 404', async () => {
    const pipeline = await startRunningPipeline({ env })
    const url = await startProxy(proxy, pipeline.webhookUrl)
    const post = (target: string, body: string) => fetch(target, { method: 'POST', body })
    expect((await post(url, 'x'.repeat(70_000))).status).toBe(413)
    expect((await post(`${url}/elsewhere`, '{}')).status).toBe(404)
    expect((await post(url, '{}')).status).toBe(200)
  })
})
