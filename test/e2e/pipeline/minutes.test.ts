import { until } from '@vss-pipeline/local-stack'
import { expect, test } from 'vitest'
import { findMiscounts } from '../../support/accounting.ts'
import { startRunningPipeline } from '../../support/running-pipeline.ts'
import { bodyOf, completedExample } from '../../support/vendor-examples.ts'

test('a worker counts deliveries at once, and knows within seconds when a sub-account was heard of', async () => {
  const { webhookUrl, pool } = await startRunningPipeline()
  const event = completedExample()
  for (const body of [bodyOf(event), bodyOf(event), bodyOf('{')]) {
    expect((await fetch(webhookUrl, { method: 'POST', body })).status).toBe(200)
  }
  const counted = async () => {
    const { rows } = await pool.query<{ sum: number }>(
      'SELECT sum(deliveries)::integer AS sum FROM vss.minutes',
    )
    return rows[0]?.sum
  }
  await until('Three deliveries', async () => (await counted()) === 3, { timeoutMs: 10_000 })
  expect(await findMiscounts(pool)).toEqual([])

  const activity = await until(
    'The sub-account',
    async () =>
      (
        await pool.query(
          `SELECT sub_account_id AS id, silent_for < interval '2 minutes' AS "isRecent", is_silent AS "isSilent"
           FROM vss.sub_account_activity`,
        )
      ).rows[0],
    { timeoutMs: 10_000 },
  )
  expect(activity).toMatchObject({ id: event.payload.subAccountId, isRecent: true })
  expect(activity.isSilent).not.toBe(true)
})
