import { until } from '@vss-pipeline/local-stack'
import { expect, test } from 'vitest'
import { startRunningPipeline } from '../../support/running-pipeline.ts'

/** Half of the pause for which ingest holds a batch of one. A post takes longer than this only when ingest holds it. */
const lingeredMs = 20

/** From this many waiting batches on, ingest holds small ones. */
const backlogBatches = 50

test('ingest holds a small batch only while other batches wait for workers', async () => {
  const { webhookUrl, pool, startWorker } = await startRunningPipeline({ workers: 0 })
  let posts = 0
  async function postTakesMs(): Promise<number> {
    const startedAt = performance.now()
    const response = await fetch(webhookUrl, { method: 'POST', body: '{}' })
    expect(response.status).toBe(200)
    posts++
    return performance.now() - startedAt
  }

  // Three in a row, because one may be slow by chance.
  async function areSlow(): Promise<boolean> {
    for (let post = 0; post < 3; post++) if ((await postTakesMs()) <= lingeredMs) return false
    return true
  }
  const early: number[] = []
  while (early.length < 45) early.push(await postTakesMs())
  const median = early.sort((a, b) => a - b)[Math.floor(early.length / 2)]
  expect(median, 'the usual time before there was a backlog').toBeLessThan(lingeredMs)
  // On a busy machine posts may be slow before, but not held.
  while (posts < backlogBatches) await postTakesMs()
  await until('A slow answer', areSlow, { timeoutMs: 20_000, pollMs: 0 })
  for (let again = 0; again < 5; again++) expect(await postTakesMs()).toBeGreaterThan(lingeredMs)

  await startWorker()
  await until('An answer at once', async () => (await postTakesMs()) < lingeredMs, { timeoutMs: 20_000 })
  await until(
    'A ledger row for each post',
    async () => (await pool.query('SELECT FROM vss.deliveries')).rowCount === posts,
    { timeoutMs: 20_000 },
  )
})
