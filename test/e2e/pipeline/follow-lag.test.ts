import { until } from '@vss-pipeline/local-stack'
import { follow } from '@vss-pipeline/reader'
import { migrate } from '@vss-pipeline/storage/migrate'
import { expect, test } from 'vitest'
import { startOwnPostgres } from '../../support/own-postgres.ts'
import { startRunningPipeline } from '../../support/running-pipeline.ts'
import { vss } from '../../support/vss-command.ts'

const postgres = await startOwnPostgres()

/** Other tests share the machine: a quiet one needs a tenth of this. */
const bearableMs = 1_000

test('at 1,000 events a second a reader has each session soon after it is written', async () => {
  await migrate({ databaseUrl: postgres.url })
  const { webhookUrl } = await startRunningPipeline({ databaseUrl: postgres.url })
  const count = 3_000
  const stop = new AbortController()
  const lagsMs: number[] = []
  let batches = 0
  const reading = (async () => {
    for await (const changes of follow({ databaseUrl: postgres.url, consumer: 'lag', signal: stop.signal })) {
      batches++
      // From the beginning of the transaction, which is a little before its commit.
      for (const { changedAt } of changes) lagsMs.push(Date.now() - Date.parse(changedAt))
      await changes.commit()
    }
  })()

  const args = [
    'send',
    '--url',
    webhookUrl,
    '--rate',
    '1000',
    '--count',
    String(count),
    '--concurrency',
    '64',
  ]
  expect((await vss(args)).exitCode).toBe(0)
  await until('The last change', () => lagsMs.length === count, { timeoutMs: 15_000 })
  stop.abort()
  await reading

  const quantile = (share: number) => lagsMs.toSorted((one, other) => one - other)[Math.floor(count * share)]!
  console.log(`lag p50 ${quantile(0.5)} ms, p99 ${quantile(0.99)} ms, ${batches} batches`)
  expect(quantile(0.5)).toBeLessThan(bearableMs)
})
