import { setTimeout as pause } from 'node:timers/promises'
import { type RunningService, until } from '@vss-pipeline/local-stack'
import { generateEvents } from '@vss-pipeline/vss'
import { expect, test } from 'vitest'
import { countLedger, expectAccountedFor } from '../../accounting.ts'
import { postUntilAcknowledged } from '../../load.ts'
import { startRunningPipeline } from '../../running-pipeline.ts'

const shutdownTimeoutMs = 10_000

test('SIGTERM under load ends ingest with 0 in time, and loses nothing that was acknowledged', async () => {
  const pipeline = await startRunningPipeline({ env: { SHUTDOWN_TIMEOUT_MS: String(shutdownTimeoutMs) } })
  const events = generateEvents({ seed: 'ingest down', count: 5_000 })
  const load = postUntilAcknowledged(pipeline.webhookUrl, events, { connections: 32 })
  await until('Load', async () => (await countLedger(pipeline.pool)) > 0, { timeoutMs: 10_000 })

  const { how, tookMs } = await terminate(pipeline.ingest)
  expect(how).toBe('exited with code 0')
  expect(tookMs).toBeLessThan(shutdownTimeoutMs)

  await pipeline.startIngest()
  const { acknowledged } = await load
  expect(acknowledged).toHaveLength(5_000)
  await expectAccountedFor(pipeline.pool, acknowledged, { withinMs: 30_000 })
})

test('SIGTERM under load ends a worker with 0 in time, and leaves no batch behind as stalled', async () => {
  const pipeline = await startRunningPipeline({ env: { SHUTDOWN_TIMEOUT_MS: String(shutdownTimeoutMs) } })
  const events = generateEvents({ seed: 'worker down', count: 5_000 })
  const load = postUntilAcknowledged(pipeline.webhookUrl, events, { connections: 32 })
  await until('Load', async () => (await countLedger(pipeline.pool)) > 0, { timeoutMs: 10_000 })

  const { how, tookMs } = await terminate(pipeline.workers[0]!)
  expect(how).toBe('exited with code 0')
  expect(tookMs).toBeLessThan(shutdownTimeoutMs)

  const { acknowledged } = await load
  await pipeline.startWorker()
  // Sooner than any lock of a stalled batch expires.
  await expectAccountedFor(pipeline.pool, acknowledged, { withinMs: 8_000 })
})

async function terminate(service: RunningService): Promise<{ how: string; tookMs: number }> {
  const startedAt = performance.now()
  process.kill(service.pid, 'SIGTERM')
  const how = await Promise.race([service.ended, pause(2 * shutdownTimeoutMs, 'did not end')])
  return { how, tookMs: performance.now() - startedAt }
}
