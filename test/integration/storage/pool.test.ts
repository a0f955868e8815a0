import type { Socket } from 'node:net'
import { until } from '@vss-pipeline/local-stack'
import type { Pool } from '@vss-pipeline/storage'
import { expect, onTestFinished, test, vi } from 'vitest'
import { idleProbeMs, tellsOfProbes } from '../../support/keepalive.ts'
import { openPool, openStorage } from '../../support/open-storage.ts'

test('a connection in constant use is replaced after five minutes', async () => {
  const { url } = await openStorage()
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
  onTestFinished(() => void vi.useRealTimers())
  const pool = openPool(url)
  const first = await backendOf(pool)

  for (let seconds = 5; seconds < 300; seconds += 5) {
    vi.advanceTimersByTime(5_000)
    expect(await backendOf(pool), `after ${seconds} s`).toBe(first)
  }
  vi.advanceTimersByTime(5_000)

  expect(await backendOf(pool)).not.toBe(first)
})

test.skipIf(!tellsOfProbes)(
  'an idle connection is probed, so that one that leads nowhere is noticed',
  async () => {
    const { pool } = await openStorage()
    const client = await pool.connect()
    onTestFinished(() => client.release())
    const socket = (client as unknown as { connection: { stream: Socket } }).connection.stream

    const probeMs = await until('A probe', () => idleProbeMs(socket), { timeoutMs: 2_000 })

    expect(probeMs).toBeLessThanOrEqual(10_000)
  },
)

async function backendOf(pool: Pool): Promise<number> {
  const { rows } = await pool.query<{ pid: number }>('SELECT pg_backend_pid() AS pid')
  return rows[0]!.pid
}
