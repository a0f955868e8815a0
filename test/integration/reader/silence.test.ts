import { until } from '@vss-pipeline/local-stack'
import { readSilentSubAccounts } from '@vss-pipeline/reader'
import { createMetricsRegistry, type Lifecycle } from '@vss-pipeline/runtime/service'
import { addUpMinutes } from '@vss-pipeline/storage'
import { expect, onTestFinished, test } from 'vitest'
import { observeSilence } from '../../../services/worker/src/silence-metrics.ts'
import { delivery, session } from '../../support/entries.ts'
import { openStorage, type Storage } from '../../support/open-storage.ts'
import { createRecordingLogger } from '../../support/recording-logger.ts'

/** Has deliveries of a sub-account at these minutes before now. */
async function receive(
  { writer }: Storage,
  subAccountId: string,
  minutesAgo: readonly number[],
): Promise<void> {
  const entries = minutesAgo.map((minutes) =>
    delivery(session({ subAccountId }), { receivedAtMs: Date.now() - minutes * 60_000 }),
  )
  await writer.write(entries)
}

const limits = { maxSubAccounts: 2, timeoutMs: 5_000 }

test('sub-accounts that rest for longer than usual are silent, the latest first, and a bounded number', async () => {
  const storage = await openStorage()
  await receive(storage, 'long_gone', [300, 290, 280])
  await receive(storage, 'gone', [100, 90, 80])
  await receive(storage, 'just_gone', [60, 50, 40])
  await receive(storage, 'there', [20, 10, 0])
  await addUpMinutes(storage.pool)

  const silent = await readSilentSubAccounts(storage.pool, limits)

  expect(silent.map(({ subAccountId }) => subAccountId)).toEqual(['just_gone', 'gone'])
  expect(silent[0]!.silentSeconds).toBeGreaterThanOrEqual(40 * 60)
  expect(silent[0]!.silentSeconds).toBeLessThan(42 * 60)
})

test('an id that may be a phone number, or that 8x8 does not make, is left out', async () => {
  const storage = await openStorage()
  for (const id of ['12025550123', '+12025550123', 'with spaces', 'x'.repeat(51), 'acme']) {
    await receive(storage, id, [60, 50, 40])
  }
  await addUpMinutes(storage.pool)

  const silent = await readSilentSubAccounts(storage.pool, { ...limits, maxSubAccounts: 50 })

  expect(silent.map(({ subAccountId }) => subAccountId)).toEqual(['acme'])
})

test('the metric has the silent sub-accounts from the start on', async () => {
  const storage = await openStorage()
  await receive(storage, 'acme', [60, 50, 40])
  await addUpMinutes(storage.pool)
  const registry = createMetricsRegistry()
  const { logger, messages } = createRecordingLogger()
  const lifecycle = { onClose: (_: string, close: () => void) => onTestFinished(close) } as Lifecycle
  observeSilence({ registry, pool: storage.pool, lifecycle, logger })

  await until(
    'The metric',
    async () =>
      /^vss_sub_account_silent_seconds\{sub_account_id="acme"\} 2[45]\d\d/m.test(await registry.metrics()),
    { timeoutMs: 5_000 },
  )
  expect(messages()).toEqual([])
})
