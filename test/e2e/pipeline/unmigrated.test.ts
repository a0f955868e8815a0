import { generateEvents } from '@vss-pipeline/generator'
import { until } from '@vss-pipeline/local-stack'
import { expect, test } from 'vitest'
import { expectAccountedFor } from '../../support/accounting.ts'
import { postUntilAcknowledged } from '../../support/load.ts'
import { startRunningPipeline } from '../../support/running-pipeline.ts'

test('a flush whose table is not there waits in hand, and goes on when it is', async () => {
  const { webhookUrl, pool, log } = await startRunningPipeline()
  await pool.query('ALTER TABLE vss.call_legs RENAME TO call_legs_not_made_yet')
  const events = generateEvents({ seed: 'unmigrated', count: 10 })
  const { acknowledged } = await postUntilAcknowledged(webhookUrl, events, { connections: 1 })

  await until('A wait', () => log.some((line) => line.includes('until vss migrate has run')), {
    timeoutMs: 10_000,
  })
  await pool.query('ALTER TABLE vss.call_legs_not_made_yet RENAME TO call_legs')

  await expectAccountedFor(pool, acknowledged, { withinMs: 5_000 })
  expect(log.filter((line) => line.includes('will be retried'))).toEqual([])
})
